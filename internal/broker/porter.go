package broker

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// stranger is a Tap or a Branch: whoever has a key and an account of its own.
type stranger interface {
	key() string
	id() string
	Live() []string           // subjects that it hears
	Services() []string       // what it may send to the account of the streams
	in(service string) string // how its own account calls that
}

// porter decides who comes in: whoever holds the key of services, taps, branches, and guests where they may.
//
// Each tap and each branch is in an account of its own. In the account of the streams a right to pull, to acknowledge, or to look
// an event up is a right to have the server send its answer to any subject, and so to put old calls into CALLS once more, or
// anything into the endings (tried). From another account the answer comes back to that account.
type porter struct {
	dir     string
	service string // public key
	guests  bool
	server  *server.Server

	mu       sync.Mutex
	accounts map[string]*server.Account // of those that have come in
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
	known, _ := p.strangers() // a folder that cannot be read admits nobody
	for _, s := range known {
		if s.key() == o.Nkey {
			return p.admit(c, s)
		}
	}
	return false
}

func (p *porter) strangers() (known []stranger, err error) {
	taps, err := Taps(p.dir)
	for _, t := range taps {
		known = append(known, t)
	}
	branches, wrong := Branches(p.dir)
	for _, b := range branches {
		known = append(known, b)
	}
	return known, errors.Join(err, wrong)
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

func (p *porter) admit(c server.ClientAuthentication, s stranger) bool {
	account, err := p.account(s)
	if err != nil {
		p.server.Errorf("%s is not let in: %v", s.id(), err)
		return false
	}
	var asks []string
	for _, service := range s.Services() {
		asks = append(asks, s.in(service))
	}
	c.RegisterUser(&server.User{Username: s.id(), Account: account, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: asks},
		Subscribe: &server.SubjectPermission{Allow: append(s.Live(), "_INBOX.>")},
	}})
	return true
}

// accountName has the key in it: a tap that was removed and added anew may have another subject.
func accountName(s stranger) string { return s.id() + "-" + s.key() }

func (p *porter) account(s stranger) (*server.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if account := p.accounts[accountName(s)]; account != nil {
		return account, nil
	}
	account, _ := p.server.LookupOrRegisterAccount(accountName(s))
	streams := p.server.GlobalAccount()
	for _, subject := range s.Live() {
		if err := account.AddStreamImport(streams, subject, ""); err != nil {
			return nil, err
		}
	}
	for _, service := range s.Services() {
		if err := account.AddServiceImport(streams, s.in(service), service); err != nil {
			return nil, err
		}
	}
	p.accounts[accountName(s)] = account
	return account, nil
}

// open lets the accounts of taps and branches have what they may.
func (p *porter) open() error {
	streams := p.server.GlobalAccount()
	return errors.Join(
		streams.AddStreamExport("calls.*", nil),
		streams.AddStreamExport("lines.>", nil),
		streams.AddServiceExport("$JS.API.CONSUMER.INFO.CALLS.*", nil),
		streams.AddServiceExportWithResponse("$JS.API.CONSUMER.MSG.NEXT.CALLS.*", server.Streamed, nil),
		streams.AddServiceExport("$JS.ACK.CALLS.*.>", nil),
		streams.AddServiceExport("calls.*", nil),
		streams.AddServiceExport("lines.*.*", nil),
		streams.AddServiceExport("$JS.API.STREAM.INFO.CALLS", nil),
		streams.AddServiceExport("$JS.API.STREAM.MSG.GET.CALLS", nil),
	)
}

// watch ends the connections of those that have been dismissed, until the server stops.
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
	known, err := p.strangers()
	if err != nil {
		return
	}
	may := map[string]bool{}
	for _, s := range known {
		may[accountName(s)] = true
	}
	for _, c := range conns.Conns {
		if strange := strings.HasPrefix(c.Account, "tap-") || strings.HasPrefix(c.Account, "branch-"); strange && !may[c.Account] {
			_ = p.server.DisconnectClientByID(c.Cid) // it may have gone by itself
		}
	}
}
