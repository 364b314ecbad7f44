package farm_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/test/farm"
)

var update = flag.Bool("update", false, "write testdata anew; then read every line that has changed against the facts")

// TestEveryMakeTellsItsStories plays all stories with all makes of phone and compares what came out with testdata/<make>.txt.
// What stands in those files has been read by people, line by line: see doc.go.
func TestEveryMakeTellsItsStories(t *testing.T) {
	traces := make([]string, len(farm.Makes))
	var wg sync.WaitGroup
	for i, m := range farm.Makes {
		o := startOffice(t)
		wg.Go(func() {
			traces[i] = header(m) + trace(t, o, m, i, func(p *farm.Phone) { p.Provision("http://"+o.phones, "") })
		})
	}
	wg.Wait()
	for i, m := range farm.Makes {
		t.Run(m.Name, func(t *testing.T) { compare(t, m.Name, traces[i]) })
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s: -want +got; after a change that is meant, go test ./farm -update\n%s", file, diff)
	}
}

// trace plays the stories side by side, each with a phone of its own that somebody sets up, and writes them down one after
// another.
func trace(t *testing.T, o *office, m farm.Make, place int, setUp func(*farm.Phone)) string {
	told := make([]string, len(farm.Stories))
	var wg sync.WaitGroup
	for i, s := range farm.Stories {
		wg.Go(func() {
			told[i] = tellInTime(t, o, s, func() *farm.Phone {
				p := phoneOf(m, place, i)
				setUp(p)
				return p
			})
		})
	}
	wg.Wait()
	return strings.Join(told, "\n")
}

// phoneOf is the phone of a story.
func phoneOf(m farm.Make, place, story int) *farm.Phone {
	return farm.NewPhone(m, place<<8+story, fmt.Sprintf("127.%d.0.%d", 10+place, 10+story), fmt.Sprint(101+story), "Manager")
}

// atOnce is how long the hits of one step may take together. What a phone says twice it says within a second, or it is no
// repeat; and ingest waits two seconds for its disk.
const atOnce = 900 * time.Millisecond

// tellInTime tells a story; on a machine so busy that a step took too long it begins anew, because then another story has
// been told. Whether it did is measured, and not guessed from what came out.
func tellInTime(t *testing.T, o *office, s farm.Story, newPhone func() *farm.Phone) string {
	for range 30 {
		w := &teller{t: t, office: o, phone: newPhone(), said: map[string]time.Time{}}
		text := w.tell(s)
		if w.slowest < atOnce {
			return text
		}
		time.Sleep(aWhile)
	}
	t.Errorf("%q: this machine is too busy: a step took more than %v, thirty times", s.Name, atOnce)
	return ""
}

// header says what kind of phone this is and how sure we are of it.
func header(m farm.Make) string {
	var b strings.Builder
	p := farm.NewPhone(m, 0, "127.0.0.1", "101", "Manager")
	p.Provision("http://callbus", "")
	fmt.Fprintf(&b, "%s\n", m.Title)
	fmt.Fprintf(&b, "what is known of %s: confidence %s\n\n", m.Vendor.Name, m.Vendor.Confidence)
	for _, line := range slices.Sorted(maps.Keys(p.Table)) {
		if m.Body != nil || line == m.Keys()[0] {
			fmt.Fprintf(&b, "%s = %s\n", line, p.Table[line])
		}
	}
	b.WriteString("\nguessed (and each key with a ?):\n")
	for _, guess := range m.Inferred {
		fmt.Fprintf(&b, "- %s\n", guess)
	}
	if prefix := commonPrefix(m.Keys()); prefix != "" {
		fmt.Fprintf(&b, "\nkeys are written without %q\n", prefix)
	}
	b.WriteString("\n")
	return b.String()
}

// commonPrefix is what all keys begin with, up to a dot or a blank.
func commonPrefix(keys []string) string {
	prefix := keys[0]
	for _, key := range keys {
		for !strings.HasPrefix(key, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix[:strings.LastIndexAny(prefix, ". ")+1]
}

// teller plays one story and writes it down.
type teller struct {
	t      *testing.T
	office *office
	phone  *farm.Phone
	said   map[string]time.Time // what was said, and when last
	ids    []string             // SIP Call-IDs, in the order in which they came
	text   strings.Builder

	slowest time.Duration // of the steps
}

func (w *teller) tell(s farm.Story) string {
	fmt.Fprintf(&w.text, "== %s\n", s.Name)
	play := w.phone.Play(s)
	for _, step := range s.Steps {
		w.step(play, step)
	}
	return w.text.String()
}

func (w *teller) step(play *farm.Play, step farm.Step) {
	hits, call := play.Hits(step)
	if len(hits) == 0 {
		w.line(step.Words, fmt.Sprintf("(%s says nothing)", w.vendor()), "")
		return
	}
	if !step.AtOnce {
		w.letTimePass(hits)
	}
	w.office.mu.Lock()
	defer w.office.mu.Unlock()
	began, words := time.Now(), step.Words
	for _, h := range hits {
		result, err := w.office.hears(w.phone, h)
		if err != nil {
			w.t.Errorf("%s, %q: %v", w.phone.Make.Name, step.Words, err)
			return
		}
		w.said[w.phone.Make.Event(h.Says)] = time.Now()
		w.line(words, w.key(h), w.outcome(call, result))
		words = ""
	}
	w.slowest = max(w.slowest, time.Since(began))
}

// aWhile is longer than the second within which the same words are a repeat (docs/adr/0006).
const aWhile = 1100 * time.Millisecond

// letTimePass keeps steps of a story apart that would otherwise follow each other within milliseconds: but only where the
// phone says again what it has said before, so that the test takes no longer than it must.
func (w *teller) letTimePass(hits []farm.Hit) {
	for _, h := range hits {
		if at, ok := w.said[w.phone.Make.Event(h.Says)]; ok {
			time.Sleep(time.Until(at.Add(aWhile)))
		}
	}
}

func (w *teller) vendor() string { return strings.Fields(w.phone.Make.Title)[0] }

func (w *teller) key(h farm.Hit) string {
	key := strings.TrimPrefix(h.Says.Key, commonPrefix(w.phone.Make.Keys()))
	if h.Says.State != "" {
		key += " " + h.Says.State
	}
	if h.Says.Guessed {
		key += " ?"
	}
	return key
}

func (w *teller) line(words, key, outcome string) {
	width := 0
	for _, k := range w.phone.Make.Keys() {
		width = max(width, len(strings.TrimPrefix(k, commonPrefix(w.phone.Make.Keys())))+2)
	}
	if w.phone.Make.Body != nil {
		width += len(" Disconnected") - len(" ?")
	}
	fmt.Fprintln(&w.text, strings.TrimRight(fmt.Sprintf("%-44s  %-*s  %s", words, width, key, outcome), " "))
}

// outcome is what came of a hit, in one line.
func (w *teller) outcome(call *farm.Call, o outcome) string {
	var said []string
	switch {
	case o.answer.Status != 200:
		said = append(said, fmt.Sprintf("-> refused: %d %s", o.answer.Status, strings.TrimSpace(o.answer.Body)))
	case len(o.stored) == 0:
		said = append(said, "-> nothing new")
	case o.answer.Body != w.phone.Make.Vendor.ReplyBody:
		said = append(said, fmt.Sprintf("[the phone shows an error: it was answered %q]", o.answer.Body))
	}
	for _, e := range o.stored {
		said = append(said, "-> "+w.written(call, e))
	}
	return strings.Join(said, " ")
}

func (w *teller) written(call *farm.Call, e stored) string {
	text := fmt.Sprintf("%-18s line %s", e.Subject, e.Line)
	if strings.HasPrefix(e.Subject, "calls.") {
		text += "  " + who(e.Remote) + w.callName(e)
	}
	for _, odd := range w.odd(call, e) {
		text += "  [" + odd + "]"
	}
	return text
}

func who(p party) string {
	text := p.Number
	if text == "" {
		text = "no number"
	}
	if p.Name != "" {
		text += fmt.Sprintf(" %s", ascii(p.Name))
	}
	return text
}

// callName is the phone's own number of the call, or a letter for a SIP Call-ID, which is another one in each run.
func (w *teller) callName(e stored) string {
	switch {
	case e.CallID == "":
		return ""
	case len(e.CallID) < 8:
		return "  call " + e.CallID
	}
	for i, id := range w.ids {
		if id == e.CallID {
			return fmt.Sprintf("  call %c", 'A'+i)
		}
	}
	w.ids = append(w.ids, e.CallID)
	return fmt.Sprintf("  call %c", 'A'+len(w.ids)-1)
}

// odd lists what a reader takes for granted and what is not so: what the phone said of itself and of the other side has come
// through unchanged.
func (w *teller) odd(call *farm.Call, e stored) (odd []string) {
	p := w.phone
	differs := func(what, got string, allowed ...string) {
		for _, want := range allowed {
			if got == want {
				return
			}
		}
		odd = append(odd, fmt.Sprintf("%s %s", what, ascii(got)))
	}
	if _, typ, _ := strings.Cut(e.Subject, "."); typ != e.Type {
		odd = append(odd, "type "+e.Type)
	}
	differs("source", e.Source, p.Make.Dialect)
	if p.Make.OUI != "" {
		differs("mac", e.Phone.MAC, p.MAC)
	}
	differs("ip", e.Phone.IP, p.IP)
	differs("model", e.Phone.Model, "", p.Make.Model)
	differs("firmware", e.Phone.Firmware, "", p.Make.Version)
	differs("we are", e.Local.Number, "", p.Extension)
	differs("our name", e.Local.Name, "", p.Name)
	if call != nil {
		differs("address", e.Remote.URI, "", p.Address(call))
		differs("call", e.CallID, "", call.ID)
	} else {
		differs("the other side", e.Remote.URI+e.Remote.Name, "")
	}
	return odd
}
