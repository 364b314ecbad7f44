package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
	callsv1 "github.com/callbus/callbus/proto/calls/v1"
)

var (
	marshal   = protojson.MarshalOptions{EmitDefaultValues: true}
	unmarshal = protojson.UnmarshalOptions{DiscardUnknown: true} // a newer ingest may say more
)

// toJSON writes the proto3 JSON form. protojson varies its white space on purpose; the wire does not.
func toJSON(m proto.Message) ([]byte, error) {
	loose, err := marshal.Marshal(m)
	if err != nil {
		return nil, err
	}
	var tight bytes.Buffer
	err = json.Compact(&tight, loose)
	return tight.Bytes(), err
}

// JSON writes an event as it stands on the bus.
func JSON(e call.Event) ([]byte, error) {
	data, err := toJSON(toProto(e))
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return data, nil
}

func encode(subject string, e call.Event) (*nats.Msg, error) {
	data, err := JSON(e)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(subject)
	m.Data = data
	m.Header = header(e)
	return m, nil
}

// header holds the CloudEvents 1.0 attributes in binary mode, after the work-in-progress NATS binding 1.0.3.
func header(e call.Event) nats.Header {
	line := url.PathEscape(string(e.Line))
	family := "call"
	if e.Type.OfPhone() {
		family = "phone"
	}
	h := nats.Header{
		HeaderLine:       {line},
		"ce-specversion": {"1.0"},
		"ce-id":          {e.ID},
		"ce-type":        {"callbus." + family + "." + string(e.Type) + ".v1"},
		"ce-source":      {"/callbus/" + url.PathEscape(e.Site)},
		"ce-subject":     {line},
		"ce-time":        {e.Time.Format(time.RFC3339Nano)},
		"content-type":   {"application/json"},
	}
	if e.Site != "" {
		h.Set(HeaderSite, url.PathEscape(e.Site))
	}
	return h
}

// laneKey reads site and line without reading the payload: each lane looks at every message.
func laneKey(h nats.Header) (site string, line call.Line) {
	site, _ = url.PathUnescape(h.Get(HeaderSite))
	l, _ := url.PathUnescape(h.Get(HeaderLine))
	return site, call.Line(l)
}

// Decode reads an event from the payload of a message on calls.>, phones.> or lines.>.
func Decode(data []byte) (call.Event, error) {
	var p callsv1.CallEvent
	if err := unmarshal.Unmarshal(data, &p); err != nil {
		return call.Event{}, fmt.Errorf("not a call event: %w", err)
	}
	e := fromProto(&p)
	if !e.Type.Known() {
		return e, fmt.Errorf("not a call event: unknown type %q", e.Type)
	}
	return e, nil
}

func toProto(e call.Event) *callsv1.CallEvent {
	return &callsv1.CallEvent{
		Id: e.ID, Type: string(e.Type), Time: timestamppb.New(e.Time), Site: e.Site, Line: string(e.Line), CallId: e.CallID,
		Local: partyToProto(e.Local), Remote: partyToProto(e.Remote),
		Phone:  &callsv1.Phone{Mac: e.Phone.MAC, Ip: e.Phone.IP, Model: e.Phone.Model, Firmware: e.Phone.Firmware},
		Source: e.Source, Raw: e.Raw,
	}
}

func fromProto(p *callsv1.CallEvent) call.Event {
	ph := p.GetPhone()
	return call.Event{
		ID: p.GetId(), Type: call.EventType(p.GetType()), Time: p.GetTime().AsTime(), Site: p.GetSite(),
		Line: call.Line(p.GetLine()), CallID: p.GetCallId(),
		Local: partyFromProto(p.GetLocal()), Remote: partyFromProto(p.GetRemote()),
		Phone:  call.Phone{MAC: ph.GetMac(), IP: ph.GetIp(), Model: ph.GetModel(), Firmware: ph.GetFirmware()},
		Source: p.GetSource(), Raw: p.GetRaw(),
	}
}

func partyToProto(p call.Party) *callsv1.Party {
	return &callsv1.Party{Uri: p.URI, Number: string(p.Number), Name: p.Name}
}

func partyFromProto(p *callsv1.Party) call.Party {
	return call.Party{URI: p.GetUri(), Number: phone.Number(p.GetNumber()), Name: p.GetName()}
}

// Ended is an ending as it stands in the stream of endings.
type Ended struct {
	verdict.Ending
	Event    call.Event
	Sequence uint64 // of the event in CALLS
	Target   string
	Lane     string
	Time     time.Time
	Again    bool   // an operator sent the event once more
	Number   uint64 // of the ending in its own stream; an operator names a dead letter by it
}

func encodeEnding(e Ended) ([]byte, error) {
	return toJSON(&callsv1.Ending{
		Event: toProto(e.Event), Sequence: e.Sequence, Target: e.Target, Lane: e.Lane, Kind: e.Kind.String(),
		Attempts: uint32(e.Attempts), Reason: e.Why, Answer: e.Answer, Sent: e.Sent, Unsure: e.Unsure, Time: timestamppb.New(e.Time), Again: e.Again,
		Tries: triesToProto(e.Tries),
	})
}

func triesToProto(tries []verdict.Try) (list []*callsv1.Try) {
	for _, t := range tries {
		list = append(list, &callsv1.Try{
			Time: timestamppb.New(t.Time), TookMs: uint32(t.Took.Milliseconds()), Status: uint32(t.Status), Why: t.Why,
		})
	}
	return list
}

func triesFromProto(list []*callsv1.Try) (tries []verdict.Try) {
	for _, t := range list {
		tries = append(tries, verdict.Try{
			Time: t.GetTime().AsTime(), Took: time.Duration(t.GetTookMs()) * time.Millisecond, Status: int(t.GetStatus()), Why: t.GetWhy(),
		})
	}
	return tries
}

func decodeEnding(data []byte, number uint64) (Ended, error) {
	var p callsv1.Ending
	if err := unmarshal.Unmarshal(data, &p); err != nil {
		return Ended{}, fmt.Errorf("not an ending: %w", err)
	}
	kind, ok := kinds[p.GetKind()]
	if !ok {
		return Ended{}, errors.New("not an ending: unknown kind " + p.GetKind())
	}
	return Ended{
		Ending: verdict.Ending{
			Verdict:  verdict.Verdict{Kind: kind, Why: p.GetReason()},
			Attempts: int(p.GetAttempts()), Reply: verdict.Reply{Sent: p.GetSent(), Answer: p.GetAnswer()}, Unsure: p.GetUnsure(), Tries: triesFromProto(p.GetTries()),
		},
		Event: fromProto(p.GetEvent()), Sequence: p.GetSequence(), Target: p.GetTarget(), Lane: p.GetLane(),
		Time: p.GetTime().AsTime(), Again: p.GetAgain(), Number: number,
	}, nil
}

var kinds = map[string]verdict.Kind{
	verdict.Delivered.String(): verdict.Delivered,
	verdict.Skipped.String():   verdict.Skipped,
	verdict.Dead.String():      verdict.Dead,
}
