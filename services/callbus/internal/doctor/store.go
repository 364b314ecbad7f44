package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

const (
	nearlyFull = 90 // per cent; the janitor has swept at 80 what could go
	// lately is how long a hit shows that an ingest is alive.
	lately = 2 * time.Minute
	// skew is what two clocks may differ by: pop-ups and reports bear seconds, not minutes.
	skew = time.Minute
	// renewBy is when a certificate should have been renewed: Let's Encrypt's clients do it 30 days before its end.
	renewBy = 14 * 24 * time.Hour
)

// process looks whether Callbus runs, and says that it is ready.
func (x exam) process() (all []Finding) {
	answers := slices.ContainsFunc(x.Admins, func(a Admin) bool { return a.Answers })
	switch {
	case x.NATSAway && answers:
		all = append(all, Finding{ID: "nats-away", Level: Fault,
			What: x.Sayf("NATS at %s does not answer, and no process says that it is ready", "NATS по адресу %s не отвечает, и ни один процесс не готов к работе", x.NATS),
			Do:   x.Say("Start NATS. If it has another address: --nats URL", "Запустите NATS. Если у него другой адрес: --nats URL")})
	case x.NATSAway:
		all = append(all, Finding{ID: "nats-away", Level: Fault,
			What: x.Sayf("Callbus is not running, or works in another folder: nobody answers at %s", "Callbus не запущен или работает в другой папке: по адресу %s никто не отвечает", x.NATS),
			Do: x.Say("Start it: callbus up --config callbus.yaml. If it runs in another folder: --data FOLDER; with a NATS of your own: --nats URL",
				"Запустите его: callbus up --config callbus.yaml. Если он работает в другой папке: --data ПАПКА; если NATS отдельный: --nats URL")})
	case x.NoCalls:
		all = append(all, Finding{ID: "no-calls-stream", Level: Fault,
			What: x.Say("NATS has no stream CALLS: no ingest has ever worked on it, so no call is stored",
				"В NATS нет потока CALLS: ingest с ним ещё не работал, звонки не сохраняются"),
			Do: x.Say("Start ingest with this NATS, or name the right one with --nats", "Запустите ingest с этим NATS или укажите правильный адрес: --nats")})
	case !answers:
		all = append(all, x.adminSilent())
	case !x.Embedded && !slices.ContainsFunc(x.Admins, func(a Admin) bool { return a.Ingest }):
		all = append(all, x.ingestSilent())
	}
	for _, a := range x.Admins {
		for _, failing := range a.Failing {
			all = append(all, x.notReady(a.Addr, failing))
		}
		all = append(all, x.certificate(a.Certificate)...)
	}
	return all
}

// adminSilent is a note where ingest must be alive all the same. With a NATS of its own all others may be dead.
func (x exam) adminSilent() Finding {
	f := Finding{ID: "admin-silent", Level: Note,
		What: x.Sayf("No admin port answers (%s): whether 1C can be reached, and the certificate, could not be looked at",
			"Служебный порт не отвечает (%s): доступность 1С и сертификат не проверены", strings.Join(x.admins(), ", ")),
		Do: x.Say("Name it with --admin", "Укажите его адрес: --admin")}
	if !x.Embedded && !x.heardLately() {
		f.Level = Warning
		f.What = x.Sayf("No admin port answers (%s): whether ingest and onec-adapter work at all could not be looked at",
			"Служебный порт не отвечает (%s): работают ли вообще ingest и onec-adapter, не проверено", strings.Join(x.admins(), ", "))
		f.Do = x.Say("Do they run? Start them; if they run elsewhere, name their admin ports with --admin",
			"Запущены ли они? Запустите их, а если они на других машинах, укажите их служебные порты: --admin")
	}
	return f
}

// ingestSilent: others answer, and none of them takes calls. A hit that has just come shows that one does, out of our sight.
func (x exam) ingestSilent() Finding {
	f := Finding{ID: "ingest-silent", Level: Fault,
		What: x.Sayf("No ingest answers (%s): phones reach nobody, their calls are lost", "ingest не отвечает (%s): телефонам некому сообщать, звонки теряются",
			strings.Join(x.admins(), ", ")),
		Do: x.Say("Start ingest, and read the last lines of its log. If it runs elsewhere, name its admin port with --admin",
			"Запустите ingest и прочтите последние строки его журнала. Если он на другой машине, укажите его служебный порт: --admin")}
	if x.heardLately() {
		f.Level = Note
		f.What = x.Sayf("ingest takes calls, but its admin port is none of these: %s", "ingest принимает звонки, но его служебного порта нет среди этих: %s",
			strings.Join(x.admins(), ", "))
		f.Do = x.Say("Name it with --admin", "Укажите его адрес: --admin")
	}
	return f
}

// heardLately reports whether an ingest has taken, or refused, a hit in the last minutes.
func (x exam) heardLately() bool {
	is := func(t time.Time) bool { return x.Now.Sub(t).Abs() < lately }
	return slices.ContainsFunc(x.taken, func(e call.Event) bool { return is(e.Time) }) ||
		slices.ContainsFunc(x.Rejected, func(r stream.Rejection) bool { return is(r.Time) })
}

func (x exam) admins() (addrs []string) {
	for _, a := range x.Admins {
		addrs = append(addrs, a.Addr)
	}
	return addrs
}

func (x exam) notReady(addr, failing string) Finding {
	part, why, _ := strings.Cut(failing, ": ")
	why = x.probe(why)
	f := Finding{ID: "not-ready", Level: Fault,
		What: x.Sayf("The process at %s cannot work: %s: %s", "Процесс на %s не может работать: %s: %s", addr, part, why),
		Do:   x.Say("See its log", "Смотрите его журнал")}
	if part == "store" {
		f.ID = "store-frozen"
		f.What = x.Sayf("Calls cannot be stored, phones are answered 503: %s", "Звонки не сохраняются, телефоны получают 503: %s", why)
		f.Do = x.Say("Is the disk full? Make room and restart Callbus. With a NATS of your own: is it there?",
			"Диск заполнен? Освободите место и перезапустите Callbus. Если NATS отдельный: работает ли он?")
	}
	return f
}

// probes are what the checks behind /readyz and the hub's behind /targets say, in Russian; the reasons of the NATS server among them that end in a frozen store.
var probes = strings.NewReplacer(
	"NATS is away", "NATS недоступен",
	"the streams are not declared yet", "потоки в NATS ещё не созданы",
	"no answer in 2s", "нет ответа за 2 с",
	"publish to the hub", "отправка в центр",
	"the hub has no stream CALLS: has an ingest been started there?", "в центре нет потока CALLS: ingest там ещё не запускали?",
	"starting", "запускается",
	"stopping", "останавливается",
	"JetStream stream '", "поток '",
	"could not be recovered", "не удалось восстановить",
	"write error", "ошибка записи",
	"no space left on device", "на диске нет места",
)

func (x exam) probe(why string) string { return x.Say(why, probes.Replace(why)) }

func (x exam) certificate(until time.Time) []Finding {
	left := until.Sub(x.Now)
	if until.IsZero() || left > renewBy {
		return nil
	}
	f := Finding{ID: "certificate", Level: Warning,
		What: x.Sayf("The certificate of --https expires in %s", "Сертификат --https истекает через %s", x.span(left)),
		Do:   x.Say("Renew it; a new file is taken up by itself", "Обновите его: новый файл подхватится сам")}
	if left <= 0 {
		f.Level = Fault
		f.What = x.Sayf("The certificate of --https expired %s ago: phones that look at their clock refuse it",
			"Сертификат --https истёк %s назад: телефоны, которые смотрят на часы, его не примут", x.span(-left))
	}
	return []Finding{f}
}

// store looks how full the streams are.
func (x exam) store() (all []Finding) {
	for _, s := range []struct {
		name string
		is   stream.Fullness
	}{{stream.Calls, x.Store.Calls}, {stream.Endings, x.Store.Endings}} {
		if s.is.Room > 0 && s.is.Used > s.is.Room/100*nearlyFull {
			all = append(all, Finding{ID: "store-full", Level: Fault,
				What: x.Sayf("The store is %d %% full (%s: %d of %d MiB). At 100 %% phones get 503 and calls are lost",
					"Хранилище заполнено на %d %% (%s: %d из %d МиБ). При 100 %% телефоны получат 503, звонки пропадут",
					s.is.Used*100/s.is.Room, s.name, s.is.Used>>20, s.is.Room>>20),
				Do: x.Say("What waits for a target is never dropped: bring its 1C back, forget a target that is gone (callbus targets forget NAME), or raise --store-max",
					"То, что ждёт доставки, не удаляется: верните 1С в строй, забудьте ненужного получателя (callbus targets forget ИМЯ) или увеличьте --store-max")})
		}
	}
	return all
}

// clocks compares this machine's clock with that of NATS, and with what events say.
func (x exam) clocks() []Finding {
	var why string
	if off := x.Now.Sub(x.Store.Clock); !x.Store.Clock.IsZero() && (off > skew || off < -skew) {
		why = x.Sayf("This machine's clock and that of NATS differ by %s", "Часы этой машины и NATS расходятся на %s", x.span(off.Abs()))
	}
	if n := len(x.Calls); why == "" && n > 0 {
		if ahead := x.Calls[n-1].Time.Sub(x.Now); ahead > skew {
			why = x.Sayf("The last call (line %s) is %s in the future", "Последний звонок (линия %s) из будущего: на %s вперёд", x.Calls[n-1].Line, x.span(ahead))
		}
	}
	if why == "" {
		return nil
	}
	return []Finding{{ID: "clock", Level: Warning, What: why,
		Do: x.Say("Switch time synchronisation (NTP) on, on all machines: 1C, reports and certificates go by the clock",
			"Включите синхронизацию времени (NTP) на всех машинах: от часов зависят 1С, отчёты и сертификаты")}}
}

// span is a time as people say it.
func (x exam) span(d time.Duration) string { return Span(x.Lang.Say, d) }

// Span is a time as people say it: seconds, minutes, hours or days, whichever leaves a small number.
func Span(say func(en, ru string) string, d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf(say("%d s", "%d с"), d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf(say("%d min", "%d мин"), d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf(say("%d h", "%d ч"), d/time.Hour)
	}
	return fmt.Sprintf(say("%d d", "%d дн."), d/(24*time.Hour))
}
