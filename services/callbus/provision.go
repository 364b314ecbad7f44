package callbus

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/provision"
	"github.com/callbus/callbus/services/ingest"
)

// provisioning is one callbus provision. What a script may want goes to out, what only a person wants to notes.
type provisioning struct {
	fs         *flag.FlagSet
	out, notes io.Writer
	lang       *lang.Lang

	url, dialFrom, dir   string
	print, force         bool
	named                config.List // --phone
	phones               string
	data, secret, shared string
}

func newProvisioning(out, notes io.Writer) *provisioning {
	p := &provisioning{fs: flag.NewFlagSet("callbus provision", flag.ContinueOnError), out: out, notes: notes}
	p.lang = lang.Flag(p.fs)
	p.fs.StringVar(&p.url, "url", "", "where phones reach Callbus: http://HOST:PORT")
	p.fs.Var(&p.named, "phone", "`MAC[=LINE]` or another id, of one phone; several with commas, or given several times")
	p.fs.StringVar(&p.phones, "phones", "", "CSV `file` of the phones; without --phone all of this vendor")
	p.fs.StringVar(&p.dir, "out", "", "folder for the files; default ./provision/VENDOR")
	p.fs.BoolVar(&p.force, "force", false, "overwrite files that are not from here, or were changed by hand")
	p.fs.BoolVar(&p.print, "print", false, "print what to paste into the phone's web page, and write no file")
	p.fs.StringVar(&p.data, "data", "./data", "folder of callbus up on this machine")
	p.fs.StringVar(&p.secret, "token-secret", "", "file with the secrets of the phones' tokens; default DATA/"+secretsFile+" if it is there")
	p.fs.StringVar(&p.shared, "shared-token-file", "", "file with one token for all phones, for those that have none of their own")
	p.fs.StringVar(&p.dialFrom, "dial-from", "", "`address` from which a phone may be made to dial, or none; default that of --url if it is a number")
	return p
}

func provisionPhones(args []string) int {
	return newProvisioning(os.Stdout, os.Stderr).run(args)
}

// run parses the vendor and flags, works, and returns the exit code.
func (p *provisioning) run(args []string) int {
	var up office
	vendor, err := oneWord(p.fs, args, up.fileFlags())
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return p.fail(2, errors.New(p.lang.Wrong(err)))
	case vendor == "list":
		p.list()
		return 0
	}
	v := provision.Find(vendor)
	if v == nil {
		return p.fail(2, fmt.Errorf(p.lang.Say("want a vendor, one of %s; or list", "нужен производитель, один из: %s; или list"), vendorNames()))
	}
	if p.url == "" && named(p.fs, "config") {
		p.url = reach(up.ingest.HTTP)
		p.note("phones reach Callbus at %s, after the file of --config and an address of this machine; another: --url", "телефоны обращаются к Callbus по адресу %s: порт из файла --config, адрес этой машины; другой: --url", p.url)
	}
	if err := p.work(v); err != nil {
		return p.fail(1, err)
	}
	return 0
}

// oneWord parses flags and the one word that a command takes among them. The file may be that of callbus up.
func oneWord(fs *flag.FlagSet, args []string, up *flag.FlagSet) (string, error) {
	words, err := config.ParseWords(fs, args, "CALLBUS", up)
	if err == nil && len(words) > 1 {
		err = fmt.Errorf("unexpected argument: %s", strings.Join(words[1:], " "))
	}
	word, _ := shift(words)
	return word, err
}

// named reports whether a flag was given, or a variable or line of a file in its place.
func named(fs *flag.FlagSet, name string) (is bool) {
	fs.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

func (p *provisioning) fail(code int, err error) int {
	fmt.Fprintf(p.notes, "%s: %v\n", p.fs.Name(), err)
	return code
}

func (p *provisioning) note(en, ru string, args ...any) {
	fmt.Fprintln(p.notes, p.lang.Sayf(en, ru, args...))
}

func vendorNames() string {
	var names []string
	for _, v := range provision.Vendors() {
		names = append(names, v.Name)
	}
	return strings.Join(names, " ")
}

// set is what one phone is set up with.
type set struct {
	phone provision.Phone
	provision.Output
}

func (p *provisioning) work(v *provision.Vendor) error {
	office, err := p.office()
	if err != nil {
		return err
	}
	phones, err := p.chosen(v)
	if err != nil {
		return err
	}
	var sets []set
	for _, phone := range phones {
		output, err := v.Write(office, phone)
		if err != nil {
			return fmt.Errorf("%s: %w", nameOf(phone, v), err)
		}
		sets = append(sets, set{phone, output})
	}
	if p.print {
		err = p.printFields(v, sets)
	} else {
		err = p.writeFiles(v, sets)
	}
	if err == nil {
		p.tell(v, office, sets)
	}
	return err
}

func nameOf(phone provision.Phone, v *provision.Vendor) string {
	if phone.ID == "" {
		return v.Name
	}
	return phone.ID
}

func (p *provisioning) office() (o provision.Office, err error) {
	if p.url == "" {
		return o, errors.New(p.lang.Say("--url is missing: where phones reach Callbus, http://192.168.10.5:8080 for example",
			"не задан --url: адрес, по которому телефоны видят Callbus, например http://192.168.10.5:8080"))
	}
	o.URL = p.url
	if err := o.Check(*p.lang); err != nil {
		return o, fmt.Errorf("--url: %w", err)
	}
	switch p.dialFrom {
	case "none":
	case "":
		if ip := o.Address(); !ip.IsLoopback() {
			o.DialFrom = ip
		}
	default:
		if o.DialFrom, err = netip.ParseAddr(p.dialFrom); err != nil || o.DialFrom.Zone() != "" {
			return o, fmt.Errorf(p.lang.Say("--dial-from: %q is no IP address", "--dial-from: %q не IP-адрес"), p.dialFrom)
		}
	}
	return o, nil
}

// chosen are the phones that files are written for; one without a name stands for all.
func (p *provisioning) chosen(v *provision.Vendor) ([]provision.Phone, error) {
	list, err := p.find(v)
	if err != nil {
		return nil, err
	}
	token, err := p.tokens(len(list) > 0)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		list = []ingest.Phone{{}}
	}
	var phones []provision.Phone
	for _, x := range list {
		phone := provision.Phone{ID: x.ID, MAC: x.MAC, Bound: len(x.Lines) > 1}
		if len(x.Lines) == 1 {
			phone.Line = string(x.Lines[0])
		}
		if phone.Token, err = token(x.ID); err != nil {
			return nil, err
		}
		phones = append(phones, phone)
	}
	return phones, nil
}

// find looks the phones up; none means that nobody has named any. A row of phones.csv without a vendor counts for every one.
func (p *provisioning) find(v *provision.Vendor) ([]ingest.Phone, error) {
	all := ingest.Phones{}
	if p.phones != "" {
		var err error
		if all, err = ingest.ReadPhones(p.phones); err != nil {
			return nil, err
		}
	}
	var list []ingest.Phone
	for _, word := range p.named.Values {
		id, line, _ := strings.Cut(word, "=")
		phone, err := ingest.NewPhone(id, line)
		if err != nil {
			return nil, fmt.Errorf("--phone %s: %w", word, err)
		}
		if slices.ContainsFunc(list, func(p ingest.Phone) bool { return p.ID == phone.ID }) {
			return nil, fmt.Errorf(p.lang.Say("--phone %s: this phone is named twice", "--phone %s: этот телефон назван дважды"), word)
		}
		if known, ok := all[phone.ID]; ok && line == "" {
			phone = known
		}
		list = append(list, phone)
	}
	if len(list) > 0 || p.phones == "" {
		return list, nil
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		switch vendor := all[id].Vendor; {
		case vendor == "" || strings.EqualFold(vendor, v.Name):
			list = append(list, all[id])
		case provision.Find(vendor) == nil:
			p.note("%s: the vendor of %s, %q, is none of ours (callbus provision list)", "%s: производителя %[3]q у %[2]s мы не знаем (callbus provision list)",
				p.phones, id, vendor)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf(p.lang.Say("%s has no phone of %s", "%s: нет ни одного телефона %s"), p.phones, v.Name)
	}
	return list, nil
}

// tokens is what gives each id its token: its own, the shared one, or none.
func (p *provisioning) tokens(named bool) (func(id string) (string, error), error) {
	shared := ""
	if p.shared != "" {
		var err error
		if shared, err = ingest.ReadSharedToken(p.shared); err != nil {
			return nil, err
		}
	}
	secrets, path, err := p.secrets()
	if err != nil {
		return nil, err
	}
	switch {
	case len(secrets) > 0 && named:
		p.note("tokens: each phone has its own, made with %s", "токены: у каждого телефона свой, сделан по %s", path)
	case shared != "":
		p.note("token: one for all phones, from %s", "токен: один на все телефоны, из %s", p.shared)
	case len(secrets) > 0:
		p.note("no token is in this file: it is for all phones, and each has its own. Callbus will answer 401 where it asks for tokens: name the phones with --phone or --phones",
			"токена в файле нет: он для всех телефонов, а токен у каждого свой. Если Callbus требует токены, он ответит 401: назовите телефоны через --phone или --phones")
	default:
		p.note("no tokens: there is no %s (callbus token new)", "без токенов: файла %s нет (callbus token new)", path)
	}
	return func(id string) (string, error) {
		if len(secrets) > 0 && id != "" {
			return secrets.Token(id)
		}
		return shared, nil
	}, nil
}

// secrets are those of --token-secret; without it, those in DATA if they are there, unless a shared token was asked for.
func (p *provisioning) secrets() (secrets ingest.TokenSecrets, path string, err error) {
	if p.secret != "" {
		secrets, err = ingest.ReadTokenSecrets(p.secret)
		return secrets, p.secret, err
	}
	path = filepath.Join(p.data, secretsFile)
	if p.shared != "" {
		return nil, path, nil
	}
	if secrets, err = ingest.ReadTokenSecrets(path); errors.Is(err, fs.ErrNotExist) {
		return nil, path, nil
	}
	return secrets, path, err
}

func (p *provisioning) printFields(v *provision.Vendor, sets []set) error {
	if v.Page != "" {
		p.note("on the phone's web page: %s", "на веб-странице телефона: %s", v.Page)
	}
	for i, s := range sets {
		if i > 0 {
			fmt.Fprintln(p.out)
		}
		if s.phone.ID != "" {
			fmt.Fprintln(p.out, strings.TrimSpace(s.phone.ID+" "+s.phone.Line))
		}
		table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
		for _, f := range s.Fields {
			fmt.Fprintf(table, "%s\t%s\n", f.Name, f.Value)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles writes all or none.
func (p *provisioning) writeFiles(v *provision.Vendor, sets []set) error {
	dir := p.dir
	if dir == "" {
		dir = filepath.Join("provision", v.Name)
	}
	var foreign []string
	for _, s := range sets {
		for _, f := range s.Files {
			path := filepath.Join(dir, filepath.FromSlash(f.Name))
			old, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if err == nil && !provision.Ours(string(old)) {
				foreign = append(foreign, path)
			}
		}
	}
	if len(foreign) > 0 && !p.force {
		return fmt.Errorf(p.lang.Say("not from here, or changed by hand: %s. Nothing is written; choose another --out, or --force",
			"созданы не этой командой или изменены вручную: %s. Ничего не записано; укажите другой --out или --force"), strings.Join(foreign, ", "))
	}
	for _, s := range sets {
		for _, f := range s.Files {
			path := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := writeFile(path, f.Content, s.phone.Token != ""); err != nil {
				return err
			}
			fmt.Fprintln(p.out, path)
		}
	}
	return nil
}

// writeFile keeps a file with a token from the other users of the machine: it is written under another name, so that nobody
// reads it by the mode of the one that was there.
func writeFile(path, content string, secret bool) error {
	if err := config.MakeFolder(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if secret {
		mode = 0o600
	}
	return config.File{Path: path, Text: content, Mode: mode}.Write()
}

// tell says what somebody should know before a phone gets this.
func (p *provisioning) tell(v *provision.Vendor, o provision.Office, sets []set) {
	if !p.print {
		p.note("A phone has one provisioning server: merge these keys into the file that it gets already, or it loses its account.",
			"Сервер настройки у телефона один: добавьте эти параметры в файл, который телефон уже получает, иначе он потеряет свою учётную запись.")
		if slices.ContainsFunc(sets, func(s set) bool { return s.phone.Token != "" }) {
			p.note("The files hold tokens: only you can read them; give your provisioning server the right to.",
				"В файлах токены телефонов: читать их можете только вы; дайте это право вашему серверу настройки.")
		}
	}
	if v.Sure == provision.Guessed {
		p.note("Partly a guess: try one phone first, with callbus tail.", "Часть здесь догадка: сначала проверьте на одном телефоне с callbus tail.")
	}
	p.note("%s: %s", "%s: %s", v.Titles, p.lang.Of(v.Note))
	p.tellDial(v, o)
	if ip := o.Address(); ip.IsLoopback() || strings.Contains(p.url, "//localhost") {
		p.note("No phone can reach %s: it means the phone itself.", "По адресу %s ни один телефон Callbus не найдёт: для телефона это он сам.", p.url)
	}
	for _, s := range sets {
		if v.NeedsLine() && s.phone.Line == "" {
			p.note("%s: the phone cannot say which line it is, and one line was not given: --phone MAC=LINE",
				"%s: телефон не может назвать свою линию, а одна линия не задана: --phone MAC=ЛИНИЯ", nameOf(s.phone, v))
		}
		if s.phone.Bound && !v.NeedsLine() {
			p.note("%s: it has several lines: the SIP user of each account must be the line that phones.csv has, or Callbus answers 403",
				"%s: линий несколько: SIP-пользователь каждой учётной записи должен совпадать с линией из phones.csv, иначе Callbus ответит 403", nameOf(s.phone, v))
		}
		if s.phone.ID != "" && s.phone.MAC == "" && v.NamedByMAC() {
			p.note("%s: its MAC is not known, so the phone will not ask for a file of this name", "%s: MAC неизвестен, файл с таким именем телефон не запросит", s.phone.ID)
		}
		if len(s.LeftOut) > 0 {
			p.note("%s: left out, the URL would be too long for the phone: %s", "%s: пропущено, адрес слишком длинный для телефона: %s",
				nameOf(s.phone, v), strings.Join(s.LeftOut, ", "))
		}
	}
}

// tellDial says who may make the phones dial. What is printed are URLs alone: no key of it allows anything.
func (p *provisioning) tellDial(v *provision.Vendor, o provision.Office) {
	switch {
	case !v.Dials():
		p.note("click-to-dial: %s", "звонок по щелчку: %s", p.lang.Of(v.Dial))
	case p.print:
	case o.DialFrom.IsValid():
		p.note("click-to-dial: the file allows dialling by command from %s only; not wanted: --dial-from none",
			"звонок по щелчку: файл разрешает набор по команде, только с %s; не нужно: --dial-from none", o.DialFrom)
	default:
		p.note("click-to-dial: left as it is; --dial-from ADDRESS allows it from there only", "звонок по щелчку: не тронут; --dial-from АДРЕС разрешит его только оттуда")
	}
}

// list shows what is known of each vendor.
func (p *provisioning) list() {
	for _, v := range provision.Vendors() {
		sure := p.lang.Say("from the vendor's documents or public templates", "по документам производителя или открытым шаблонам")
		if v.Sure == provision.Guessed {
			sure = p.lang.Say("partly a guess", "отчасти догадка")
		}
		fmt.Fprintf(p.out, "%-12s %s: %s\n", v.Name, v.Titles, sure)
		fmt.Fprintf(p.out, "             %s\n", p.lang.Of(v.Note))
		if untold := untold(v); untold != "" {
			fmt.Fprintf(p.out, "             %s: %s\n", p.lang.Say("does not tell", "не сообщает"), untold)
		}
		dial := p.lang.Say("allowed by keys of the file", "разрешают параметры файла")
		if !v.Dials() {
			dial = p.lang.Of(v.Dial)
		}
		fmt.Fprintf(p.out, "             %s: %s\n", p.lang.Say("click-to-dial", "звонок по щелчку"), dial)
	}
}

// untold are the events of a call that a vendor has no URL for.
func untold(v *provision.Vendor) string {
	var words []string
	for _, e := range call.CallEvents {
		if !slices.Contains(v.Tells(), e) {
			words = append(words, string(e))
		}
	}
	return strings.Join(words, " ")
}
