// Package callbus is the office edition: broker, ingest and adapter in one process (callbus up), and the operator's
// commands.
package callbus

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// command is one word after "callbus".
type command struct {
	name       string
	args, does lang.Text
	more       lang.Text // that only its own help tells
	verbs      bool      // the flags are those of its verbs
	run        func(args []string) int
}

// Version is the build's; main sets it.
var Version = "dev"

func commands() []command {
	text := func(en, ru string) lang.Text { return lang.Text{En: en, Ru: ru} }
	return []command{
		{name: "init", run: initialise,
			does: text("the first run: asks where 1C is, tries it out, writes callbus.yaml", "первая настройка: спрашивает, где 1С, проверяет её, пишет callbus.yaml")},
		{name: "up", run: up,
			does: text("run everything in one process: store, ingest, adapter (--demo: with a stand-in 1C)", "запустить всё в одной программе: хранилище, приём звонков, передачу в 1С (--demo: с заглушкой 1С)")},
		{name: "service", args: text("install|remove|status", "install|remove|status"), verbs: true, run: manageService,
			does: text("run with this machine: systemd, or a service of Windows", "запускать вместе с машиной: systemd или служба Windows")},
		{name: "tail", run: tail,
			does: text("show events as they come, one line each", "показывать события по мере поступления, по строке на каждое")},
		{name: "check", args: text("[TARGET]", "[ПОЛУЧАТЕЛЬ]"), run: checkOneC,
			does: text("go the way to 1C step by step: name, port, TLS, login, service, parameters; say what to do", "пройти путь до 1С по шагам: имя, порт, TLS, вход, сервис, параметры; сказать, что делать")},
		{name: "dead", args: text("list|show N|retry N|drop N", "list|show N|retry N|drop N"), run: dead,
			does: text("events that 1C would not take: see why, send again, let go", "события, которые 1С отвергла: посмотреть почему, отправить снова, удалить")},
		{name: "resend", run: resend,
			does: text("fill a hole in 1C: send again what it was told in a time that it has lost", "восполнить потерянное: отправить снова то, что 1С получила за какое-то время и потеряла")},
		{name: "trace", args: text("WORD", "ЧТО"), run: traceLife,
			does: text("the life of a line's, a number's, a call's or one event: hit, store, each try at 1C, ending", "что стало со звонками линии, номера, с одним звонком или событием: от телефона до ответа 1С")},
		{name: "targets", args: text("[NAME|forget NAME]", "[ИМЯ|forget ИМЯ]"), run: showTargets,
			does: text("how each target does: state, queue, rate, adapters, rules; or let go of one that is gone", "что с каждым получателем: состояние, очередь, скорость, адаптеры, правила; или забыть того, которого больше нет")},
		{name: "pause", args: text("TARGET", "ПОЛУЧАТЕЛЬ"), run: pauseTarget,
			does: text("keep a target's calls in the store until they are let go on", "придержать звонки получателя в хранилище")},
		{name: "resume", args: text("TARGET", "ПОЛУЧАТЕЛЬ"), run: resumeTarget,
			does: text("let a paused target go on", "снова передавать звонки получателю после паузы")},
		{name: "lanes", args: text("TARGET N", "ПОЛУЧАТЕЛЬ N"), run: changeLanes,
			does: text("give a target another number of lanes (calls of 1C at once), while it works", "сменить число полос получателя (вызовов 1С одновременно), не останавливая работу")},
		{name: "tap", args: text("add NAME|list|remove NAME", "add ИМЯ|list|remove ИМЯ"), run: tap,
			does: text("give another program a key to read calls, and to do nothing else", "дать другой программе ключ, чтобы читать звонки и больше ничего")},
		{name: "branch", args: text("add NAME|list|remove NAME", "add ИМЯ|list|remove ИМЯ"), run: branch,
			does: text("give a branch office a key to forward its calls here, and to do nothing else", "дать филиалу ключ, чтобы пересылать сюда свои звонки и больше ничего")},
		{name: "token", args: text("new ID…|list|rotate", "new ИМЯ…|list|rotate"), verbs: true, run: token,
			does: text("what phones show at the door: make it, list it, make all anew", "токены, которые предъявляют телефоны: создать, показать, сменить все")},
		{name: "provision", args: text("VENDOR|list", "ПРОИЗВОДИТЕЛЬ|list"), run: provisionPhones,
			does: text("files of settings for phones, or what to paste into their web pages", "файлы настроек для телефонов или что вставить на их веб-страницах")},
		{name: "send", args: text("EVENT", "СОБЫТИЕ"), run: send,
			does: text("be a phone: send what a vendor's phone would, and say what the answer means", "побыть телефоном: отправить то же, что он, и сказать, что значит ответ")},
		{name: "phones", run: phones,
			does: text("which phones have called, and which events each has ever sent", "какие телефоны обращались и о каких событиях сообщал каждый")},
		{name: "doctor", args: text("[LINE]", "[ЛИНИЯ]"), run: examine,
			does: text("say what is wrong, and what to do: phones, store, 1C; exit code for monitoring", "что не так и что делать: телефоны, хранилище, 1С; код выхода для мониторинга")},
		{name: "fake1c", run: fake1c, more: text("Its web service: "+standinURL+". It takes orders, a line each: help and Enter lists them.",
			"Её веб-сервис: "+standinURL+". Она слушается команд, по одной в строке: help и Enter покажет все."),
			does: text("a stand-in for 1C: prints the calls it gets, and is as nasty as you tell it", "заглушка 1С: печатает звонки, которые получила, и капризничает, как вы велите")},
		{name: "version", run: func([]string) int { fmt.Println("callbus", Version); return 0 },
			does: text("print the version", "показать версию")},
	}
}

// Main runs the command that the arguments name, and returns the exit code.
func Main(args []string) int {
	l := spoken(args)
	if len(args) > 1 && args[0] == "help" && !strings.HasPrefix(args[1], "-") {
		args = []string{args[1], "-h"}
	}
	if len(args) == 0 || args[0] == "help" || help(args[0]) || strings.HasPrefix(strings.TrimLeft(args[0], "-"), "lang") {
		usage(os.Stdout, l)
		return 0
	}
	if args[0] == "--version" || args[0] == "-version" {
		args[0] = "version"
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.start(l, args[1:])
		}
	}
	unknown(os.Stderr, l, args[0])
	return 2
}

// start runs the command. For -h it says first how the command is called; its flags are for the command to tell.
func (c command) start(l lang.Lang, args []string) int {
	own := args
	if end := slices.Index(args, "--"); end >= 0 {
		own = args[:end]
	}
	if !slices.ContainsFunc(own, help) {
		return c.run(args)
	}
	fmt.Println(l.Sayf("Usage: callbus %s [flags]\n\n  %s\n", "Как вызывать: callbus %s [флаги]\n\n  %s\n", c.call(l), l.Of(c.does)))
	if more := l.Of(c.more); more != "" {
		fmt.Printf("  %s\n\n", more)
	}
	if c.verbs && help(own[0]) {
		verb, _, _ := strings.Cut(c.args.En, "|")
		verb, _, _ = strings.Cut(verb, " ")
		fmt.Println(l.Sayf("Each has flags of its own: callbus %s %s -h", "Флаги у каждого свои: callbus %s %s -h", c.name, verb))
		return 0
	}
	return c.run(args)
}

func help(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func (c command) call(l lang.Lang) string { return strings.TrimSpace(c.name + " " + l.Of(c.args)) }

// spoken is the language for what is said before a command reads its flags.
func spoken(args []string) lang.Lang {
	fs := flag.NewFlagSet("callbus", flag.ContinueOnError)
	l := lang.Flag(fs)
	for i, arg := range args {
		switch name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "="); {
		case name != "lang" || name == arg:
		case given:
			_ = l.Set(value) // a language that is not spoken is the command's to refuse
		case i+1 < len(args):
			_ = l.Set(args[i+1])
		}
	}
	return *l
}

// wide is the column of the commands where all are listed.
const wide = 30

func usage(w io.Writer, l lang.Lang) {
	fmt.Fprintln(w, l.Say("Callbus carries phone calls into 1C.\n\nUsage: callbus COMMAND [flags], and callbus COMMAND -h for its flags.\n",
		"Callbus передаёт телефонные звонки в 1С.\n\nКак вызывать: callbus КОМАНДА [флаги]; флаги команды покажет callbus КОМАНДА -h.\n"))
	for _, c := range commands() {
		call := c.call(l)
		if utf8.RuneCountInString(call) > wide {
			fmt.Fprintf(w, "  %s\n", call)
			call = "" // what it does stands below, in its column
		}
		fmt.Fprintf(w, "  %-*s %s\n", wide, call, l.Of(c.does))
	}
}

// unknown says that there is no such command, and which one may have been meant.
func unknown(w io.Writer, l lang.Lang, name string) {
	fmt.Fprintln(w, l.Sayf("callbus: there is no command %q", "callbus: нет команды %q", name))
	if near := nearest(name); near != "" {
		fmt.Fprintln(w, l.Sayf("Did you mean callbus %s? callbus help lists all commands.", "Может быть, callbus %s? Все команды покажет callbus help.", near))
		return
	}
	fmt.Fprintln(w)
	usage(w, l)
}

// nearest is the command that differs from a word by two letters at most, or "".
func nearest(word string) (name string) {
	least := 3
	for _, c := range commands() {
		if d := distance(strings.ToLower(word), c.name); d < least && d < len(c.name) {
			name, least = c.name, d
		}
	}
	return name
}

// distance is how many letters have to be put in, left out or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
