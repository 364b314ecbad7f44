package stream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

// Bug: an ingest that was connected to a server cut off from the other two stayed there, and its phones got 503 until the cut ended.
func TestAClientLeavesAServerThatIsCutOffFromItsCluster(t *testing.T) {
	t.Parallel()
	c := natstest.StartCluster(t)
	nc, err := nats.Connect(natstest.CutOff(t)+","+c.Connect().ConnectedUrl(), nats.DontRandomize(), nats.Timeout(natstest.Patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if nc.ConnectedServerName() != "alone" {
		t.Fatalf("connected to %s", nc.ConnectedServerName())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := make(chan error, 100)
	go stream.Roam(ctx, nc, func(_ string, why error) { told <- why })
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if name := nc.ConnectedServerName(); name != "" && name != "alone" {
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("after a minute it is still connected there")
		}
	}
	if why := <-told; why == nil {
		t.Error("it was not told why")
	}
	publish(t, publisher(t, nc), "101", 1)
}

// While a cluster has no leader at all, one server is as good as another.
func TestWhereNoServerHasAnAnswerMovesGetRare(t *testing.T) {
	t.Parallel()
	begin := time.Unix(0, 0)
	r, nobody, moves := stream.NewRestless(begin), errors.New("no answer"), 0
	for s := range 600 {
		if r.Had(begin.Add(time.Duration(s)*time.Second), nobody) {
			moves++
		}
	}
	if moves < 5 || moves > 15 {
		t.Errorf("%d moves in ten minutes, want some ten", moves)
	}
	now := begin.Add(600 * time.Second)
	if r.Had(now, nil); r.Had(now.Add(2*time.Second), nobody) || !r.Had(now.Add(4*time.Second), nobody) {
		t.Error("after an answer the next silence is judged anew: no move after 2 s, one after 4 s")
	}
}

// A leader that has lost the others goes on answering for some ten seconds, and stores nothing.
func TestALeaderThatHearsFromNobodyIsNoAnswer(t *testing.T) {
	t.Parallel()
	heard := func(ago ...time.Duration) *jetstream.ClusterInfo {
		info := &jetstream.ClusterInfo{}
		for _, d := range ago {
			info.Replicas = append(info.Replicas, &jetstream.PeerInfo{Active: d})
		}
		return info
	}
	for _, c := range []struct {
		what  string
		group *jetstream.ClusterInfo
		alone bool
	}{
		{"no cluster", nil, false},
		{"one replica", heard(), false},
		{"all there", heard(0, time.Second), false},
		{"one away", heard(time.Hour, time.Second), false},
		{"both away", heard(time.Hour, 4*time.Second), true},
		{"three of five away", heard(time.Hour, time.Hour, time.Hour, 0), true},
		{"two of five away", heard(time.Hour, time.Hour, 0, 0), false},
	} {
		if got := stream.Alone(c.group); got != c.alone {
			t.Errorf("%s: alone %v, want %v", c.what, got, c.alone)
		}
	}
}
