package broker

import "strings"

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
	return admit(dir, tapsFolder, t.Name, t.Key+" "+t.Subject)
}

// DismissTap takes a tap's right away. A running broker ends its connections within two seconds.
func DismissTap(dir, name string) error { return dismiss(dir, tapsFolder, name) }

// Taps are those that are admitted to a data folder. A file that makes no sense admits nobody.
func Taps(dir string) (taps []Tap, err error) {
	err = admitted(dir, tapsFolder, func(name, key, subject string) {
		if subject != "" {
			taps = append(taps, Tap{name, key, subject})
		}
	})
	return taps, err
}

func (t Tap) key() string { return t.Key }

func (t Tap) id() string { return "tap-" + t.Name }

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

// in is the account's name for what it asks of the streams: the same.
func (t Tap) in(service string) string { return service }
