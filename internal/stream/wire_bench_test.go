package stream

import (
	"testing"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

func rung() call.Event {
	return call.Event{
		ID: "01932f0a-7b1c-7f00-8000-000000000001", Type: call.Incoming, Time: time.Date(2026, 11, 22, 9, 1, 41, 123456000, time.UTC),
		Line: "101", CallID: "33093", Local: call.Party{URI: "sip:101@pbx", Number: "101"},
		Remote: call.Party{URI: "sip:+74951230001@pbx;user=phone", Number: "+74951230001", Name: "Иван Петров"},
		Phone:  call.Phone{MAC: "001565aabbcc", IP: "192.168.10.10", Model: "SIP-T46S", Firmware: "66.86.5.20"}, Source: "yealink",
		Raw: "mac=001565aabbcc&acc=101&remote=sip:+74951230001@pbx;user=phone&cid=33093",
	}
}

// BenchmarkEncode is what a hit costs on its way to the stream.
func BenchmarkEncode(b *testing.B) {
	e := rung()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(Subject(e.Type), e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data, err := JSON(rung())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeEnding(b *testing.B) {
	e := Ended{
		Ending: verdict.Ending{Verdict: verdict.Done(), Attempts: 1, Reply: verdict.Reply{Sent: "TelData(1, sip:+74951230001@pbx, 101)", Answer: "OK"}},
		Event:  rung(), Sequence: 17, Target: "main", Lane: "1-0", Time: time.Date(2026, 11, 22, 9, 1, 41, 130000000, time.UTC),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encodeEnding(e); err != nil {
			b.Fatal(err)
		}
	}
}
