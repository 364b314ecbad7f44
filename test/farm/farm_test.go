package farm_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/test/farm"
)

func TestFactsThatContradictThemselvesAreRefused(t *testing.T) {
	for what, text := range map[string]string{
		"an unknown key":       "schema: 1\ntransports: [none]\nvendors: [{id: a, transport: none, colour: red}]",
		"an unknown transport": "schema: 1\ntransports: [none]\nvendors: [{id: a, transport: pigeon}]",
		"an unknown relative":  "schema: 1\ntransports: [none]\nvendors: [{id: a, transport: none, same_as: b}]",
		"a list for a table":   "schema: 1\ntransports: [none]\nvendors: [{id: a, transport: none, events: [incoming]}]",
		"a table for a key":    "schema: 1\ntransports: [none]\nvendors: [{id: a, transport: none, events: {incoming: {a: b}}}]",
	} {
		if _, err := farm.Load([]byte(text)); err == nil {
			t.Errorf("%s: got no error", what)
		}
	}
}

func TestAFirmwareSaysOnlyWhatTheFactsName(t *testing.T) {
	for _, m := range farm.Makes {
		known := map[string]bool{}
		for _, key := range m.Vendor.Keys() {
			known[key.Key] = true
		}
		for moment, says := range m.Says {
			if !slices.Contains(farm.Moments, moment) {
				t.Errorf("%s: %q is no moment", m.Name, moment)
			}
			for _, s := range says {
				if !known[s.Key] {
					t.Errorf("%s: phones.yaml does not know the key %s", m.Name, s.Key)
				}
			}
		}
		if m.UserAgent != "" && !strings.HasPrefix(m.UserAgent, m.Vendor.UserAgentPrefix) {
			t.Errorf("%s: User-Agent %q does not begin with %q", m.Name, m.UserAgent, m.Vendor.UserAgentPrefix)
		}
	}
}

// A URL that is longer than the phone takes is cut off by the phone, and nobody notices.
func TestWhatAnAdministratorTypesFitsIntoThePhone(t *testing.T) {
	const token = "0015651a2b3c.4vCn_bpNTExRRyksw8dIfg" // a MAC and its proof
	for _, m := range farm.Makes {
		p := farm.NewPhone(m, 1, "127.0.0.1", "101", "Manager")
		p.Provision("http://192.168.100.100:8080", token)
		if len(p.Table) == 0 {
			t.Errorf("%s: its table is empty", m.Name)
		}
		for key, url := range p.Table {
			limit := m.Vendor.MaxURL
			if limit == 0 {
				limit = 511 // Yealink's: for most vendors none is known
			}
			if len(url) > limit {
				t.Errorf("%s: %s is %d characters long: %s", m.Name, key, len(url), url)
			}
		}
	}
}

func TestAPhoneWithoutConfigurationIsSilent(t *testing.T) {
	for _, m := range farm.Makes {
		p := farm.NewPhone(m, 1, "127.0.0.1", "101", "Manager")
		if hits := p.Hits(farm.Rings, p.NewCall(true, farm.Anonymous)); len(hits) != 0 {
			t.Errorf("%s without URLs: got %d hits", m.Name, len(hits))
		}
		p.Provision("http://callbus", "")
		if hits := p.Hits(farm.Rings, p.NewCall(true, farm.Anonymous)); len(hits) == 0 {
			t.Errorf("%s with URLs: got no hit", m.Name)
		}
		for _, enable := range m.Vendor.EnableKeys {
			if delete(p.Table, enable.Key); len(p.Hits(farm.Rings, p.NewCall(true, farm.Anonymous))) != 0 {
				t.Errorf("%s without %s: got a hit", m.Name, enable.Key)
			}
		}
	}
}

// What goes over the wire, byte for byte, for each quirk that is one.
func TestAPhoneWritesAsItsVendorDoes(t *testing.T) {
	ivan := farm.Party{User: "+74951230001", Name: "Иван & Ко"}
	in, out := farm.Plan{Incoming: true, Other: ivan}, farm.Plan{Other: ivan}
	for _, c := range []struct {
		why, make string
		moment    farm.Moment
		plan      farm.Plan
		want      []string
		not       []string
	}{
		{"raw blanks, a raw plus, a raw &, UTF-8 as it is", "yealink", farm.Rings, in,
			[]string{"&remote=sip:+74951230001@pbx.example&name=Иван & Ко&cid=32769 HTTP/1.1\r\n", "mac=80:5e:c0:fa:00:01&", "\r\nHost: 127.0.0.1:"}, nil},
		{"$callerID has a value for an incoming call only", "yealink-t3x", farm.Answers, in,
			[]string{"&callerID=Иван & Ко&calledNumber=$calledNumber&"}, []string{"\r\nHost:"}},
		{"$calledNumber has a value for an outgoing call only", "yealink-t3x", farm.OtherAnswers, out,
			[]string{"&callerID=$callerID&calledNumber=+74951230001&"}, nil},
		{"the MAC stands in the User-Agent, where the URL forgets it", "yealink-t3x", farm.Rings, in,
			[]string{"\r\nUser-Agent: Yealink SIP-T38G 38.70.0.125 00:15:65:fa:00:01\r\n"}, []string{"mac="}},
		{"MAC:14 begins no MAC", "mitel", farm.Ends, in, []string{"\r\nUser-Agent: Mitel6940 MAC:14-00-E9-FA-00-01 V:6.4.0.4006-SIP\r\n"}, nil},
		{"the MAC of a Snom stands alone", "snom", farm.Rings, in, []string{" 2010.12 000413FA0001 SXM:0 "}, nil},
		{"a variable of other models arrives as it stands", "grandstream", farm.Rings, in,
			[]string{"/grandstream/incoming?mac=00:0B:82:FA:00:01&", "&cid=$call-id&", "&remote=+74951230001&"}, nil},
		{"parameters in the path", "grandstream-gxv", farm.Rings, in,
			[]string{"GET /grandstream/incoming/mac=00:0B:82:FA:00:01&", "@pbx.example&dur="}, []string{"$call-id"}},
		{"$local is empty when a call is connected", "snom", farm.Answers, in,
			[]string{"mac=000413FA0001&", "&local=&", "&remote=sip:+74951230001@pbx.example;user=phone&"}, nil},
		{"and has a value when it rings", "snom", farm.Rings, in, []string{"&local=sip:101@pbx.example&"}, nil},
		{"cp1251", "dlink", farm.Rings, in, []string{"&lname=Manager&remote=sip:+74951230001@pbx.example&name=\xc8\xe2\xe0\xed & \xca\xee&"}, []string{"User-Agent"}},
		{"Latin-1 has no Cyrillic", "mitel", farm.Rings, in, []string{"?line=101&remote=+74951230001&mac=14-00-E9-FA-00-01&name=???? & ?? HTTP"}, nil},
		{"Mitel's disconnected knows nobody", "mitel", farm.Ends, in, []string{"GET /mitel/ended?line=101&mac=14-00-E9-FA-00-01 HTTP"}, nil},
		{"curl encodes", "microsip", farm.Rings, in, []string{"GET /microsip/incoming?line=101&%2B74951230001 HTTP/1.1\r\n", "\r\nUser-Agent: curl/"}, nil},
		{"Polycom posts XML", "polycom", farm.Answers, in, []string{"POST /polycom HTTP/1.1\r\n",
			`<CallStateChangeEvent CallReference="1" CallState="Connected">`, "<MACAddress>0004f2fa0001</MACAddress>",
			"<CallingPartyDirNum>+74951230001@pbx.example</CallingPartyDirNum>", "<CallingPartyName>Иван &amp; Ко</CallingPartyName>"}, nil},
	} {
		got := written(t, c.make, c.moment, c.plan)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s: want %q in\n%s", c.make, c.why, want, got)
			}
		}
		for _, not := range c.not {
			if strings.Contains(got, not) {
				t.Errorf("%s: %s: want no %q in\n%s", c.make, c.why, not, got)
			}
		}
	}
}

// written is the first request of a phone at a moment, as it arrives at a server.
func written(t *testing.T, name string, moment farm.Moment, plan farm.Plan) string {
	t.Helper()
	l, requests := listen(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	m, ok := farm.MakeNamed(name)
	if !ok {
		t.Fatalf("there is no make %s", name)
	}
	p := farm.NewPhone(m, 1, "127.0.0.1", "101", "Manager")
	p.Provision("http://"+l, "")
	if _, err := p.Send(p.Hits(moment, p.NewCall(plan.Incoming, plan.Other))[0]); err != nil {
		t.Fatal(err)
	}
	return <-requests
}

func TestACallIDBeginsAnewWithThePhone(t *testing.T) {
	m, _ := farm.MakeNamed("yealink")
	p := farm.NewPhone(m, 1, "127.0.0.1", "101", "Manager")
	var got []string
	for range 2 {
		got = append(got, p.NewCall(true, farm.Anonymous).ID, p.NewCall(true, farm.Anonymous).ID)
		p.Restart()
	}
	if diff := cmp.Diff([]string{"32769", "32770", "32769", "32770"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A phone that keeps its connection uses it again, and makes another when the server has closed it.
func TestAPhoneKeepsItsConnectionAsLongAsTheServerDoes(t *testing.T) {
	for _, c := range []struct {
		make, answer string
		connections  int
	}{
		{"snom", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1},
		{"snom", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 3},
		{"yealink", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 3},
	} {
		addr, requests := listen(t, c.answer)
		m, _ := farm.MakeNamed(c.make)
		p := farm.NewPhone(m, 1, "127.0.0.1", "101", "Manager")
		p.Provision("http://"+addr, "")
		from := map[string]bool{}
		for range 3 {
			if _, err := p.Send(p.Hits(farm.DNDOn, nil)[0]); err != nil {
				t.Fatal(err)
			}
			peer, _, _ := strings.Cut(<-requests, "\n")
			from[peer] = true
		}
		if len(from) != c.connections {
			t.Errorf("%s: got %d connections for 3 hits, want %d", c.make, len(from), c.connections)
		}
	}
}

// listen answers every request the same, and hands out what it was sent behind the address of the connection.
func listen(t *testing.T, answer string) (addr string, requests chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	requests = make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, answer, requests)
		}
	}()
	return l.Addr().String(), requests
}

func serve(conn net.Conn, answer string, requests chan<- string) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		var head strings.Builder
		length := 0
		for line := ""; line != "\r\n"; {
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				return
			}
			head.WriteString(line)
			fmt.Sscanf(line, "Content-Length: %d", &length) //nolint:errcheck // most lines are something else
		}
		if _, err := io.CopyN(&head, in, int64(length)); err != nil {
			return
		}
		requests <- conn.RemoteAddr().String() + "\n" + head.String()
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
		if strings.Contains(answer, "close") || strings.Contains(head.String(), "Connection: close") {
			return
		}
	}
}
