package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine says what all other figures depend on.
func machine(ctx context.Context, b *bench) ([]block, error) {
	sync, err := fsyncs(filepath.Join(b.dir, "fsync"), b.times(400))
	if err != nil {
		return nil, err
	}
	b.fsync = sync.at(0.5)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	t := block{head: []string{"cores", "processor", "Linux", "Go", "one append of 1 KiB and fsync: median", "99th percentile", "load of the machine before"}}
	t.row(strconv.Itoa(runtime.NumCPU()), processor(), strings.TrimSpace(string(kernel)), strings.TrimPrefix(runtime.Version(), "go"),
		ms(sync.at(0.5))+" ms", ms(sync.at(0.99))+" ms", strings.Fields(string(load) + " ?")[0])
	blocks := []block{t, note("Callbus %s, measured on %s.", b.version, time.Now().UTC().Format("2006-01-02"))}
	if b.scale != 1 {
		blocks = append(blocks, note("**With -scale %g: not for comparison.**", b.scale))
	}
	return blocks, nil
}

func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(info); m != nil {
		return string(m[1])
	}
	return runtime.GOARCH
}

// fsyncs appends and syncs, as the store does for an event.
func fsyncs(path string, n int) (times, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	defer f.Close()
	var all times
	event := make([]byte, 1<<10)
	for range n {
		begin := time.Now()
		if _, err := f.Write(event); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		all = append(all, time.Since(begin))
	}
	return all.sorted(), nil
}

// usage is what /proc tells of a process.
type usage struct {
	resident int64         // bytes, now
	cpu      time.Duration // since the start
	wakeups  int64         // times that one of its threads stopped waiting
	written  int64         // bytes to the disk
}

func usageOf(pid int) (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return u, err
	}
	u.resident = field(status, "VmRSS:") << 10
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return u, err
	}
	// Behind the name in brackets: state is the third field, user and system time the 14th and 15th, in hundredths of a second (proc(5)).
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	u.cpu = time.Duration(user+system) * 10 * time.Millisecond
	if io, err := os.ReadFile(dir + "/io"); err == nil {
		u.written = field(io, "write_bytes:")
	}
	threads, err := filepath.Glob(dir + "/task/*/status")
	for _, thread := range threads {
		status, err := os.ReadFile(thread)
		if err == nil { // it has not ended meanwhile
			u.wakeups += field(status, "\nvoluntary_ctxt_switches:")
		}
	}
	return u, err
}

func field(text []byte, name string) int64 {
	_, rest, _ := strings.Cut(string(text), name)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(words[0], 10, 64)
	return n
}
