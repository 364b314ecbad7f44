package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// peer does what Callbus does: a phone's hit becomes a call of 1C.
type peer struct {
	name  string
	where string // the program, or the folder with it; empty: it is not there
	start func(ctx context.Context, b *bench, where string, o *onec) (addr string, stop func(), err error)
}

// peerSessions is how many calls 1C gets at once from Callbus and from PHP. Node-RED has no such limit.
const peerSessions = 16

func peers() []peer {
	_, file, _, _ := runtime.Caller(0)
	return []peer{
		{"Callbus", "callbus", startOffice},
		{"nginx, PHP-FPM", php(), startPHP},
		{"Node-RED", there(filepath.Join(filepath.Dir(file), "peers", "node_modules", "node-red", "red.js")), startNodeRED},
	}
}

func php() string {
	found, _ := filepath.Glob("/usr/sbin/php-fpm*")
	soap, _ := filepath.Glob("/etc/php/*/fpm/conf.d/*soap.ini")
	if len(found) == 0 || len(soap) == 0 || there("/usr/sbin/nginx") == "" {
		return ""
	}
	return slices.Max(found)
}

func there(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// peersPoint: what a phone waits for, when 1C has the call, how many they manage, and what is lost when 1C is away for ten seconds.
func peersPoint(ctx context.Context, b *bench) (blocks []block, err error) {
	all := peers()
	for _, latency := range []time.Duration{0, 30 * time.Millisecond} {
		what := "1C answers at once"
		if latency > 0 {
			what = "1C takes 30 ms"
		}
		t := block{head: []string{what, "phone has its answer: median, 99th percentile", "1C has the call", "answers/s at 16", "at 64", "calls/s in 1C at 64"}}
		for _, p := range all {
			if p.where == "" {
				continue
			}
			row, err := b.comparePeer(ctx, p, latency)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			t.rows = append(t.rows, row)
		}
		blocks = append(blocks, t)
	}
	away, err := b.away(ctx, all)
	blocks = append(blocks, away)
	for _, p := range all {
		if p.where == "" {
			blocks = append(blocks, note("%s is not on this machine, and was left out: `test/bench/peers/get.sh` gets it.", p.name))
		}
	}
	return blocks, err
}

func (b *bench) comparePeer(ctx context.Context, p peer, latency time.Duration) ([]string, error) {
	o, addr, stop, err := b.serve(ctx, p, latency)
	if err != nil {
		return nil, err
	}
	defer stop()
	calm := b.pace(ctx, addr, 0, b.times(300), 30)
	took := calm.reached(ctx, o, 30*time.Second)
	if err := calm.each(took); err != nil {
		return nil, err
	}
	row := []string{p.name, spread(calm.answered), spread(took)}
	calls := 0.0
	for i, conns := range []int{16, 64} {
		before := o.count()
		l, err := b.all(ctx, job{Addr: addr, Conns: conns, Lines: 200, Article: true, First: uint64(1+i) * 1e6, For: b.seconds(3)})
		if err != nil {
			return nil, err
		}
		calls = float64(o.count()-before) / l.Took.Seconds()
		row = append(row, grouped(l.rate))
	}
	return append(row, grouped(calls)), nil
}

// serve starts a peer with a 1C of its own, and warms both up.
func (b *bench) serve(ctx context.Context, p peer, latency time.Duration) (o *onec, addr string, stop func(), err error) {
	o = newOnec(latency)
	if err := o.Start("127.0.0.1:0"); err != nil {
		return nil, "", nil, err
	}
	addr, end, err := p.start(ctx, b, p.where, o)
	if err != nil {
		o.Close()
		return nil, "", nil, err
	}
	b.pace(ctx, addr, 9e6, 100, 200).reached(ctx, o, 10*time.Second)
	return o, addr, func() { end(); o.Close() }, nil
}

// away lets 1C be away for ten seconds while phones call, for all of them at once.
func (b *bench) away(ctx context.Context, all []peer) (block, error) {
	const rate, around = 20.0, 2 * time.Second
	gone := b.seconds(10)
	t := block{head: []string{fmt.Sprintf("1C away for %.0f s", gone.Seconds()), "hits", "answered 200", "reached 1C", "lost", "lost although answered 200"}}
	var wg sync.WaitGroup
	rows, failed := make([][]string, len(all)), make([]error, len(all))
	for i, p := range all {
		if p.where == "" {
			continue
		}
		o, addr, stop, err := b.serve(ctx, p, 0)
		if err != nil {
			return t, fmt.Errorf("%s: %w", p.name, err)
		}
		defer stop()
		wg.Go(func() {
			absent := make(chan error, 1)
			go func() { absent <- leave(o, around, gone) }()
			hits := b.pace(ctx, addr, 0, int(rate*(gone+2*around).Seconds()), rate)
			failed[i] = <-absent
			took := hits.reached(ctx, o, 20*time.Second)
			lost := 0
			for other, told := range hits.told {
				if _, arrived := o.when(other); told && !arrived {
					lost++
				}
			}
			rows[i] = []string{p.name, fmt.Sprint(len(hits.sent)), fmt.Sprint(len(hits.answered)), fmt.Sprint(len(took)),
				fmt.Sprintf("**%d**", len(hits.sent)-len(took)), fmt.Sprintf("**%d**", lost)}
			if p.name == "Callbus" && len(took) < len(hits.sent) {
				failed[i] = fmt.Errorf("%d of %d hits are lost", len(hits.sent)-len(took), len(hits.sent))
			}
		})
	}
	wg.Wait()
	for i := range all {
		if failed[i] != nil {
			return t, failed[i]
		}
		if rows[i] != nil {
			t.rows = append(t.rows, rows[i])
		}
	}
	return t, nil
}

// leave takes 1C away after a while, and brings it back.
func leave(o *onec, after, gone time.Duration) error {
	addr := o.Addr()
	time.Sleep(after)
	if err := o.Close(); err != nil {
		return err
	}
	time.Sleep(gone)
	return o.Start(addr)
}

func startOffice(ctx context.Context, b *bench, _ string, o *onec) (string, func(), error) {
	dir, err := b.folder("office")
	if err != nil {
		return "", nil, err
	}
	d, err := b.office(ctx, filepath.Base(dir), dir, o.URL(), "--sessions", fmt.Sprint(peerSessions))
	return d.phones, d.kill, err
}

//go:embed peers/nginx.conf peers/fpm.conf peers/flow.json peers/checkphone.php
var peerFiles embed.FS

// fillIn writes one of the peers' files with its values in it.
func fillIn(dir, name string, values ...string) (string, error) {
	data, err := peerFiles.ReadFile("peers/" + name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(strings.NewReplacer(values...).Replace(string(data))), 0o644)
}

func startPHP(ctx context.Context, b *bench, fpm string, o *onec) (string, func(), error) {
	dir, err := b.folder("php")
	if err != nil {
		return "", nil, err
	}
	script, err := fillIn(dir, "checkphone.php")
	if err != nil {
		return "", nil, err
	}
	addr, nginxUser, fpmUser := freeAddr(), "", ""
	if os.Geteuid() == 0 { // the folder is root's then
		nginxUser, fpmUser = "user root;", "user = root\ngroup = root"
	}
	conf, err := fillIn(dir, "nginx.conf", "{{dir}}", dir, "{{addr}}", addr, "{{script}}", script, "{{onec}}", o.URL(), "{{user}}", nginxUser)
	if err != nil {
		return "", nil, err
	}
	pool, err := fillIn(dir, "fpm.conf", "{{dir}}", dir, "{{sessions}}", fmt.Sprint(peerSessions), "{{user}}", fpmUser)
	if err != nil {
		return "", nil, err
	}
	children, err := b.start(filepath.Base(dir)+"-fpm", fpm, "-F", "-R", "-y", pool)
	if err != nil {
		return "", nil, err
	}
	server, err := b.start(filepath.Base(dir)+"-nginx", "/usr/sbin/nginx", "-c", conf)
	stop := func() {
		for _, p := range []*process{server, children} {
			if p != nil {
				_ = p.stop() // nginx and PHP-FPM end their children with themselves, if they are asked
			}
		}
	}
	if err == nil {
		err = server.until(ctx, "answering", func() error { return get("http://" + addr + "/checkphone.php?event=1&p1=warm&p2=1") })
	}
	if err != nil {
		stop()
	}
	return addr, stop, err
}

func startNodeRED(ctx context.Context, b *bench, red string, o *onec) (string, func(), error) {
	dir, err := b.folder("node-red")
	if err != nil {
		return "", nil, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return "", nil, err
	}
	flow, err := fillIn(dir, "flow.json", "{{onec}}", o.URL())
	if err != nil {
		return "", nil, err
	}
	addr := freeAddr()
	_, port, _ := strings.Cut(addr, ":")
	p, err := b.start(filepath.Base(dir), node, red, "--userDir", dir, "--port", port, flow)
	if err != nil {
		return "", nil, err
	}
	err = p.until(ctx, "answering", func() error { return get("http://" + addr + "/checkphone.php?event=1&p1=warm&p2=1") })
	if err != nil {
		p.kill()
	}
	return addr, p.kill, err
}
