package broker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Tap is a reader of calls with a key of its own: it hears events live, and pulls and acknowledges through one consumer that was
// made for it. It can do nothing else.
type Tap struct {
	Name    string
	Key     string // the public half
	Subject string // calls.*, or calls.<event>
}

// tapsFolder, in the data folder, has a file for each tap, by its name: the public key and the subject. None of it is secret.
const tapsFolder = "taps"

// AdmitTap writes a tap down. A running broker lets it in at once.
func AdmitTap(dir string, t Tap) error {
	folder := filepath.Join(dir, tapsFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("admit tap %s: %w", t.Name, err)
	}
	f, err := os.OpenFile(filepath.Join(folder, t.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("admit tap %s: %w", t.Name, err)
	}
	_, err = fmt.Fprintf(f, "%s %s\n", t.Key, t.Subject)
	return errors.Join(err, f.Sync(), f.Close())
}

// DismissTap takes a tap's right away. A running broker ends its connections within two seconds.
func DismissTap(dir, name string) error {
	err := os.Remove(filepath.Join(dir, tapsFolder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Taps are those that are admitted to a data folder. A file that makes no sense admits nobody.
func Taps(dir string) (taps []Tap, err error) {
	files, err := os.ReadDir(filepath.Join(dir, tapsFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		text, no := os.ReadFile(filepath.Join(dir, tapsFolder, f.Name()))
		key, subject, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if no == nil && nkeys.IsValidPublicUserKey(key) && subject != "" {
			taps = append(taps, Tap{f.Name(), key, subject})
		}
	}
	return taps, err
}

// NewKey writes the key of a tap to a file that must not be there yet, mode 0600, and returns its public half.
func NewKey(path string) (public string, err error) {
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	text, err := newKey(path)
	if err != nil {
		return "", err
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	return pair.PublicKey()
}

// Live are the subjects on which a reader of a subject of CALLS hears the same live.
func (t Tap) Live() []string {
	event := strings.TrimPrefix(t.Subject, "calls.")
	if event == "*" {
		return []string{t.Subject, "lines.>"}
	}
	return []string{t.Subject, "lines.*." + event}
}

// Services are the requests that its consumer answers: what it is, the next messages, and acknowledgements.
func (t Tap) Services() []string {
	consumer := "CALLS.tap-" + t.Name
	return []string{"$JS.API.CONSUMER.INFO." + consumer, "$JS.API.CONSUMER.MSG.NEXT." + consumer, "$JS.ACK." + consumer + ".>"}
}

// porter decides who comes in: whoever holds the key of services, taps, and guests where they may.
//
// Each tap is in an account of its own. In the account of the streams a right to pull, or to acknowledge, is a right to have the
// server send its answer to any subject, and so to put old calls into CALLS once more, or anything into the endings (tried).
// From another account the answer comes back to that account.
type porter struct {
	dir     string
	service string // public key
	guests  bool
	server  *server.Server

	mu       sync.Mutex
	accounts map[string]*server.Account // of taps that have come in
}

var guestRights = server.Permissions{
	Publish:   &server.SubjectPermission{Deny: []string{">"}},
	Subscribe: &server.SubjectPermission{Allow: []string{"calls.>", "lines.>"}},
}

// Check implements server.Authentication.
func (p *porter) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Nkey == "" {
		if !p.guests || o.Username+o.Password+o.Token+o.JWT != "" {
			return false
		}
		c.RegisterUser(&server.User{Permissions: &guestRights})
		return true
	}
	if !signed(o.Nkey, o.Sig, c.GetNonce()) {
		return false
	}
	if o.Nkey == p.service {
		c.RegisterUser(&server.User{})
		return true
	}
	taps, _ := Taps(p.dir) // a folder that cannot be read admits nobody
	for _, t := range taps {
		if t.Key == o.Nkey {
			return p.admit(c, t)
		}
	}
	return false
}

// signed reports whether the client has the secret half of its key.
func signed(key, signature string, nonce []byte) bool {
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		sig, err = base64.StdEncoding.DecodeString(signature) // older clients
	}
	if err != nil || len(nonce) == 0 {
		return false
	}
	public, err := nkeys.FromPublicKey(key)
	return err == nil && public.Verify(nonce, sig) == nil
}

func (p *porter) admit(c server.ClientAuthentication, t Tap) bool {
	account, err := p.account(t)
	if err != nil {
		p.server.Errorf("tap %s is not let in: %v", t.Name, err)
		return false
	}
	c.RegisterUser(&server.User{Username: "tap-" + t.Name, Account: account, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: t.Services()},
		Subscribe: &server.SubjectPermission{Allow: append(t.Live(), "_INBOX.>")},
	}})
	return true
}

// accountName has the key in it: a tap that was removed and added anew may have another subject.
func accountName(t Tap) string { return "tap-" + t.Name + "-" + t.Key }

func (p *porter) account(t Tap) (*server.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if account := p.accounts[accountName(t)]; account != nil {
		return account, nil
	}
	account, _ := p.server.LookupOrRegisterAccount(accountName(t))
	streams := p.server.GlobalAccount()
	for _, subject := range t.Live() {
		if err := account.AddStreamImport(streams, subject, ""); err != nil {
			return nil, err
		}
	}
	for _, subject := range t.Services() {
		if err := account.AddServiceImport(streams, subject, subject); err != nil {
			return nil, err
		}
	}
	p.accounts[accountName(t)] = account
	return account, nil
}

// open lets accounts of taps have what they may.
func (p *porter) open() error {
	streams := p.server.GlobalAccount()
	return errors.Join(
		streams.AddStreamExport("calls.*", nil),
		streams.AddStreamExport("lines.>", nil),
		streams.AddServiceExport("$JS.API.CONSUMER.INFO.CALLS.*", nil),
		streams.AddServiceExportWithResponse("$JS.API.CONSUMER.MSG.NEXT.CALLS.*", server.Streamed, nil),
		streams.AddServiceExport("$JS.ACK.CALLS.*.>", nil),
	)
}

// watch ends the connections of taps that have been dismissed, until the server stops.
func (p *porter) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range tick.C {
		if !p.server.Running() {
			return
		}
		p.turnOut()
	}
}

func (p *porter) turnOut() {
	conns, err := p.server.Connz(&server.ConnzOptions{Username: true, Limit: 10_000})
	if err != nil {
		return
	}
	taps, err := Taps(p.dir)
	if err != nil {
		return
	}
	may := map[string]bool{}
	for _, t := range taps {
		may[accountName(t)] = true
	}
	for _, c := range conns.Conns {
		if strings.HasPrefix(c.Account, "tap-") && !may[c.Account] {
			_ = p.server.DisconnectClientByID(c.Cid) // it may have gone by itself
		}
	}
}
