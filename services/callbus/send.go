package callbus

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/callbus/internal/handset"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/provision"
	"github.com/callbus/callbus/services/ingest"
)

// sending is one callbus send.
type sending struct {
	fs         *flag.FlagSet
	out, notes io.Writer
	lang       *lang.Lang

	to, vendor, line, remote, name, mac, token, tokenFile string
}

func newSending(out, notes io.Writer) *sending {
	s := &sending{fs: flag.NewFlagSet("callbus send", flag.ContinueOnError), out: out, notes: notes}
	s.lang = lang.Flag(s.fs)
	s.fs.StringVar(&s.to, "to", "http://127.0.0.1:8080", "address of Callbus")
	s.fs.StringVar(&s.vendor, "vendor", "phone", "whose phone this one is; phone: any other")
	s.fs.StringVar(&s.line, "line", "", "extension of the phone")
	s.fs.StringVar(&s.remote, "remote", "", "number of the other side")
	s.fs.StringVar(&s.name, "name", "", "name of the other side")
	s.fs.StringVar(&s.mac, "mac", "", "MAC of the phone; empty: it says none")
	s.fs.StringVar(&s.token, "token", "", "what stands behind /p/ in the phone's URLs; other users see it in the list of processes")
	s.fs.StringVar(&s.tokenFile, "token-file", "", "file with that token on its first line that is no comment (#)")
	return s
}

func send(args []string) int {
	return newSending(os.Stdout, os.Stderr).run(args)
}

// run parses the event and flags, sends, and returns the exit code. Behind two hyphens stands the other side, and nothing there
// is a flag: a MicroSIP appends what its caller has made up.
func (s *sending) run(args []string) int {
	var rest []string
	end := slices.Index(args, "--")
	if end >= 0 {
		args, rest = args[:end], args[end+1:]
	}
	var up office
	event, err := oneWord(s.fs, args, up.fileFlags())
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return s.fail(err)
	}
	if err := s.take(end >= 0, rest); err != nil {
		return s.fail(err)
	}
	if err := s.know(&up); err != nil {
		return s.fail(err)
	}
	hit, err := s.hit(call.EventType(event))
	if err != nil {
		return s.fail(err)
	}
	answer, err := handset.Send(context.Background(), s.to, s.agent(end >= 0), hit)
	s.tell(call.EventType(event), hit, answer, err)
	if err != nil || answer.Status != http.StatusOK {
		return 1
	}
	return 0
}

// agent is who says that he sends. What appends the other side is a program, as MicroSIP runs this command for each of its
// calls: its line is a phone's. Anybody else tries the way to 1C out.
func (s *sending) agent(appended bool) string {
	if appended {
		return "callbus " + s.vendor
	}
	return call.Trial
}

func (s *sending) fail(err error) int {
	fmt.Fprintf(s.notes, "%s: %s\n", s.fs.Name(), s.lang.Wrong(err))
	return 2
}

// take takes what does not stand in the flags themselves: the other side behind two hyphens, and the token of a file.
func (s *sending) take(given bool, rest []string) (err error) {
	if given && s.remote != "" || s.token != "" && s.tokenFile != "" {
		return errors.New(s.lang.Say("one of --remote and what stands behind --, and one of --token and --token-file",
			"нужно что-то одно: --remote или текст после --, --token или --token-file"))
	}
	if given {
		s.remote = strings.Join(rest, " ")
	}
	if s.tokenFile != "" {
		if s.token, err = readToken(s.tokenFile); err != nil {
			return err
		}
	}
	s.token = strings.TrimPrefix(s.token, "/p/")
	for flag, value := range map[string]string{"--remote": s.remote, "--name": s.name, "--token": s.token} {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return fmt.Errorf(s.lang.Say("%s: a control character stands in it", "%s: в значении есть управляющий символ"), flag)
		}
	}
	return nil
}

// know takes from the file of callbus up what was not said: its address, and the phone's token.
func (s *sending) know(up *office) (err error) {
	if !named(s.fs, "config") {
		return nil
	}
	if !named(s.fs, "to") {
		if addr, err := net.ResolveTCPAddr("tcp", up.ingest.HTTP); err == nil {
			s.to = "http://" + net.JoinHostPort(boundTo(addr, localhost), port(addr))
		}
	}
	if s.token != "" {
		return nil
	}
	a := up.ingest.Access
	if a.TokenSecret != "" {
		id, err := s.id(a.Phones)
		if id == "" || err != nil {
			return err
		}
		secrets, err := ingest.ReadTokenSecrets(a.TokenSecret)
		if err == nil {
			s.token, err = secrets.Token(id)
		}
		return err
	}
	if a.SharedToken != "" {
		s.token, err = ingest.ReadSharedToken(a.SharedToken)
	}
	return err
}

// id is whose token it is: of the phone that phones.csv has with this MAC or, alone of all, with this line; else the MAC.
func (s *sending) id(phones string) (id string, err error) {
	asked, _ := ingest.NewPhone(s.mac, "") // what is wrong with it is said later
	if phones == "" {
		return asked.MAC, nil
	}
	all, err := ingest.ReadPhones(phones)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		switch {
		case asked.MAC != "" && p.MAC == asked.MAC:
			return p.ID, nil
		case asked.MAC == "" && slices.Contains(p.Lines, call.Line(s.line)) && id != "":
			return "", errors.New(s.lang.Sayf("several phones have line %s: which one? --mac", "линия %s у нескольких телефонов: какой из них? --mac", s.line))
		case asked.MAC == "" && slices.Contains(p.Lines, call.Line(s.line)):
			id = p.ID
		}
	}
	return cmp.Or(id, asked.MAC), nil
}

// readToken reads a file of callbus provision, or one with a token alone.
func readToken(path string) (string, error) {
	text, err := config.ReadSecretFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text.Reveal()) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line, nil
		}
	}
	return "", fmt.Errorf("%s: there is no token in it", path)
}

func (s *sending) hit(is call.EventType) (h provision.Hit, err error) {
	vendor := provision.Speaker(s.vendor)
	if vendor == nil {
		return h, fmt.Errorf(s.lang.Say("--vendor: want one of phone %s", "--vendor: нужен один из: phone %s"), vendorNames())
	}
	switch {
	case is == "":
		return h, fmt.Errorf(s.lang.Say("what does the phone tell? One of %s", "о чём сообщает телефон? Одно из: %s"), tells(vendor))
	case !slices.Contains(vendor.Tells(), is):
		return h, fmt.Errorf(s.lang.Say("there is no event %s of this phone. There are: %s", "у этого телефона нет события %s. Есть: %s"), string(is), tells(vendor))
	}
	if s.line == "" {
		return h, errors.New(s.lang.Say("--line is missing: 101 for example", "не задана линия: --line 101, например"))
	}
	phone := provision.Phone{Line: s.line, Token: s.token}
	if s.mac != "" {
		named, err := ingest.NewPhone(s.mac, "")
		if err != nil || named.MAC == "" {
			return h, fmt.Errorf(s.lang.Say("--mac: %.40q is no MAC", "--mac: %.40q не MAC-адрес"), s.mac)
		}
		phone.MAC = named.MAC
	}
	office := provision.Office{URL: s.to}
	if err := office.Check(*s.lang); err != nil {
		return h, fmt.Errorf("--to: %w", err)
	}
	return vendor.Hit(office, phone, is, provision.Call{Remote: s.remote, Name: s.name})
}

func tells(v *provision.Vendor) string {
	var words []string
	for _, e := range v.Tells() {
		words = append(words, string(e))
	}
	return strings.Join(words, " ")
}

// tell prints what went out, what came back and what that means. A token is not shown: what is printed here is what people
// paste where they ask for help.
func (s *sending) tell(is call.EventType, h provision.Hit, a handset.Answer, err error) {
	target := h.Target
	if s.token != "" {
		target = strings.Replace(target, s.token, "***", 1)
	}
	fmt.Fprintf(s.out, "%s %s%s\n", h.Method, strings.TrimSuffix(s.to, "/"), target)
	if h.Body != "" {
		fmt.Fprintln(s.out, h.Body)
	}
	fmt.Fprintln(s.out)
	if err != nil {
		fmt.Fprintln(s.out, err)
	} else {
		fmt.Fprintln(s.out, s.lang.Sayf("%d %s, %d ms", "%d %s, %d мс", a.Status, http.StatusText(a.Status), a.Took.Round(time.Millisecond)/time.Millisecond))
	}
	if a.Body != "" {
		fmt.Fprintln(s.out, a.Body)
	}
	known := strings.NewReplacer("trace LINE", "trace "+s.line, "trace ЛИНИЯ", "trace "+s.line, "new MAC", "new "+cmp.Or(s.mac, "MAC"))
	fmt.Fprintln(s.out, known.Replace(s.lang.Of(handset.Meaning(is, a, err))))
}
