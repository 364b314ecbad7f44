package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// job is what a load generator does. It is a process of its own that writes and reads raw sockets, so that it takes as little
// from the server as can be.
type job struct {
	Addr    string
	Conns   int
	Keep    bool          // one connection for many hits; else one for each, as phones do
	For     time.Duration // how long, at most
	Hits    uint64        // how many; 0: as many as there is time for
	Lines   uint64
	First   uint64 // number of the first hit: a hit is told once only, or ingest takes it for a repeat
	Article bool   // the URL of the original script; else a Yealink's
}

// load is what came of it.
type load struct {
	OK, Failed     uint64
	Why            string // the first failure
	Took           time.Duration
	CPU            time.Duration // of the generator
	P50, P99, P999 time.Duration
	rate           float64
}

// load runs the job in a process of its own.
func (b *bench) load(ctx context.Context, j job) (l load, err error) {
	words, err := json.Marshal(j)
	if err != nil {
		return l, err
	}
	cmd := exec.CommandContext(ctx, b.self, "load", string(words))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return l, fmt.Errorf("load: %w", err)
	}
	if err := json.Unmarshal(out, &l); err != nil {
		return l, err
	}
	l.rate = float64(l.OK) / l.Took.Seconds()
	return l, nil
}

// all is the load where every hit must have been answered 200.
func (b *bench) all(ctx context.Context, j job) (load, error) {
	l, err := b.load(ctx, j)
	if err == nil && (l.Failed > 0 || l.OK == 0) {
		err = fmt.Errorf("%d of %d hits were not answered 200: %s", l.Failed, l.OK+l.Failed, l.Why)
	}
	return l, err
}

// loadRole is the generator.
func loadRole(args []string) error {
	var j job
	if err := json.Unmarshal([]byte(args[0]), &j); err != nil {
		return err
	}
	l := j.run()
	return json.NewEncoder(os.Stdout).Encode(l)
}

func (j job) run() (l load) {
	var next atomic.Uint64
	next.Store(j.First)
	begin := time.Now()
	more := func() (n uint64, yes bool) {
		n = next.Add(1) - 1
		return n, time.Since(begin) < j.For && (j.Hits == 0 || n < j.First+j.Hits)
	}
	var mu sync.Mutex
	var all times
	var wg sync.WaitGroup
	for i := range j.Conns {
		wg.Go(func() {
			p := phone{job: j, from: net.IPv4(127, 77, byte(i/200), byte(1+i%200))}
			defer p.hangUp()
			for n, yes := more(); yes; n, yes = more() {
				p.hit(n)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, p.took...)
			l.OK, l.Failed = l.OK+uint64(len(p.took)), l.Failed+p.failed
			if p.why != nil {
				l.Why = p.why.Error()
			}
		})
	}
	wg.Wait()
	l.Took = time.Since(begin)
	all.sorted()
	l.P50, l.P99, l.P999 = all.at(0.5), all.at(0.99), all.at(0.999)
	if u, err := usageOf(os.Getpid()); err == nil { // without /proc there is no bench
		l.CPU = u.cpu
	}
	return l
}

// phone is one sender of hits.
type phone struct {
	job
	from   net.IP // phones have addresses of their own, and one may hold only a quarter of ingest's connections
	conn   net.Conn
	out    []byte
	in     [4096]byte
	took   times
	failed uint64
	why    error
}

func (p *phone) hangUp() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}

func (p *phone) hit(n uint64) {
	begin := time.Now()
	if err := p.say(n); err != nil {
		p.failed, p.why = p.failed+1, err
		p.hangUp()
		time.Sleep(time.Millisecond) // who refuses at once must not be asked in a frenzy
		return
	}
	p.took = append(p.took, time.Since(begin))
}

// hitPatience is how long a phone of the bench waits.
const hitPatience = 10 * time.Second

func (p *phone) say(n uint64) error {
	if err := p.dial(); err != nil {
		return err
	}
	p.out = appendHit(p.out[:0], p.job, n)
	if _, err := p.conn.Write(p.out); err != nil {
		return err
	}
	if p.Keep {
		return p.hear()
	}
	defer p.hangUp()
	return p.hearAll()
}

func (p *phone) dial() (err error) {
	if p.conn != nil {
		return nil
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: p.from}, Timeout: hitPatience}
	if p.conn, err = d.Dial("tcp", p.Addr); err == nil {
		_ = p.conn.SetDeadline(time.Now().Add(p.For + hitPatience)) // once, not for each hit: that would cost something
	}
	return err
}

// appendHit writes the request of hit n. Everybody who calls, calls once.
func appendHit(b []byte, j job, n uint64) []byte {
	line, caller := 100000+n%j.Lines, n%10000000
	if j.Article {
		b = append(b, "GET /checkphone.php?event=1&p1=sip:%2B7495"...)
		b = appendDigits(b, caller, 7)
		b = append(b, "@pbx.example&p2="...)
		b = strconv.AppendUint(b, line, 10)
	} else {
		b = append(b, "GET /yealink/incoming?mac=001565"...)
		b = appendDigits(b, line, 6)
		b = append(b, "&acc="...)
		b = strconv.AppendUint(b, line, 10)
		b = append(b, "&remote=sip:%2B7495"...)
		b = appendDigits(b, caller, 7)
		b = append(b, "@pbx.example&name=Ivan%20Petrov&cid="...)
		b = strconv.AppendUint(b, n, 10)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, j.Addr...)
	b = append(b, "\r\nUser-Agent: Yealink SIP-T46S 66.86.5.20\r\nAccept: */*\r\n"...)
	if !j.Keep {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendDigits(b []byte, n uint64, width int) []byte {
	s := strconv.FormatUint(n, 10)
	for i := len(s); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, s...)
}

var (
	good    = []byte("HTTP/1.1 200 ")
	headEnd = []byte("\r\n\r\n")
	empty   = []byte("\r\nContent-Length: 0\r\n")
)

// hear reads an answer without a body: ingest's, and those of what it is held against.
func (p *phone) hear() error {
	n := 0
	for !bytes.Contains(p.in[:n], headEnd) {
		got, err := p.conn.Read(p.in[n:])
		if err != nil {
			return err
		}
		n += got
		if n == len(p.in) {
			return errors.New("a long answer")
		}
	}
	if !bytes.HasPrefix(p.in[:n], good) || !bytes.Contains(p.in[:n], empty) {
		return fmt.Errorf("got %q", p.in[:min(n, 120)])
	}
	return nil
}

// hearAll reads an answer that the end of the connection ends.
func (p *phone) hearAll() error {
	n, err := io.ReadAtLeast(p.conn, p.in[:], len(p.in))
	if err == nil {
		_, err = io.Copy(io.Discard, p.conn)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if !bytes.HasPrefix(p.in[:n], good) {
		return fmt.Errorf("got %q", p.in[:min(n, 120)])
	}
	return nil
}
