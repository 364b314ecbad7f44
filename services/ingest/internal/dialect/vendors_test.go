package dialect

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/callbus/callbus/internal/call"
)

// documented is every event that the vendors' documents name, spelt as their configurations spell it.
var documented = map[string]map[call.EventType]string{
	"yealink": {
		call.Incoming:       "action_url.incoming_call, ActionURL.IncomingCall",
		call.Outgoing:       "action_url.outgoing_call, ActionURL.OutgoingCall",
		call.Answered:       "action_url.call_established, ActionURL.CallEstablished, action_url.answer_new_incoming_call",
		call.Ended:          "action_url.call_terminated, ActionURL.CallTerminated, action_url.call_remote_canceled, action_url.cancel_callout, action_url.remote_busy, action_url.forward_incoming_call",
		call.Missed:         "action_url.missed_call, ActionURL.MissedCall",
		call.Rejected:       "action_url.reject_incoming_call, action_url.reject_new_incoming_call",
		call.Held:           "action_url.hold, ActionURL.Hold, action_url.held",
		call.Resumed:        "action_url.unhold, ActionURL.Unhold, action_url.unheld",
		call.Transferred:    "action_url.transfer_call, action_url.blind_transfer_call, action_url.attended_transfer_call, action_url.transfer_finished",
		call.Registered:     "action_url.registered, action_url.log_on, ActionURL.LogOn",
		call.Unregistered:   "action_url.unregistered, action_url.log_off, ActionURL.LogOff",
		call.RegisterFailed: "action_url.register_failed",
		call.DNDOn:          "action_url.dnd_on, ActionURL.DNDOn",
		call.DNDOff:         "action_url.dnd_off, ActionURL.DNDOff",
		call.ForwardOn:      "action_url.always_fwd_on, action_url.busy_fwd_on, action_url.no_answer_fwd_on, ActionURL.AwaysFWDOn",
		call.ForwardOff:     "action_url.always_fwd_off, action_url.busy_fwd_off, action_url.no_answer_fwd_off, ActionURL.AwaysFWDOff",
		call.Boot:           "action_url.setup_completed",
		ignored: "action_url.setup_autop_finish, action_url.off_hook, action_url.on_hook, action_url.mute, action_url.unmute, action_url.transfer_failed," +
			" action_url.idle_to_busy, action_url.busy_to_idle, action_url.call_waiting_on, action_url.call_waiting_off, action_url.headset, action_url.handfree," +
			" action_url.ip_change, action_url.vpn_ip, action_url.peripheral_information, action_url.alarm.trigger, action_url.is_ume",
	},
	"fanvil": {
		call.Incoming:       "IncomingCallUrl, Incoming Call Url",
		call.Outgoing:       "OutgoingCallUrl, Outgoing Call Url",
		call.Answered:       "CallActiveUrl, Call Active Url",
		call.Ended:          "CallStopUrl, Call Stop Url",
		call.Missed:         "NewMissedcallUrl, New Missed call Url",
		call.Held:           "HoldOnUrl, Hold On Url, HeldOnUrl, Held On Url",
		call.Resumed:        "HoldOffUrl, Hold Off Url, HeldOffUrl, Held Off Url",
		call.Transferred:    "TransferUrl, Transfer Url",
		call.Registered:     "RegOnUrl, Reg On Url",
		call.Unregistered:   "RegOffUrl, Reg Off Url",
		call.RegisterFailed: "RegFailedUrl",
		call.DNDOn:          "DNDOnUrl, DND On Url",
		call.DNDOff:         "DNDOffUrl, DND Off Url",
		call.ForwardOn:      "AlwaysFWDOnUrl, Always FWD On Url, BusyFWDOnUrl, NoAnsFWDOnUrl",
		call.ForwardOff:     "AlwaysFWDOffUrl, Always FWD Off Url, BusyFWDOffUrl, NoAnsFWDOffUrl",
		call.Boot:           "BootCompletedUrl",
		ignored: "StartRebootUrl, IPChangeUrl, PhoneStateIdleUrl, PhoneState Idle Url, PhoneStateTalking, PhoneStateRinging, MuteOnUrl, MuteOffUrl," +
			" MuteOnCallUrl, MuteOffCallUrl, NewMWIUrl, NewSMSUrl, WebAuthChangedUrl",
	},
	"grandstream": {
		call.Incoming:       "P8310, ons.actionUrl.incomingCall",
		call.Outgoing:       "P8311, ons.actionUrl.outgoingCall",
		call.Answered:       "P8313, ons.actionUrl.establishedCall, ons.actionUrl.answerNewInCall, ons.actionurl.answernewincall",
		call.Ended:          "P8314, ons.actionUrl.terminatedCall, ons.actionUrl.forwardIncomingCall",
		call.Missed:         "P8312, ons.actionUrl.missedCall",
		call.Rejected:       "ons.actionUrl.rejectIncomingCall",
		call.Held:           "P8324, ons.actionUrl.holdCall",
		call.Resumed:        "P8325, ons.actionUrl.unholdCall",
		call.Transferred:    "P8320, P8321, ons.actionUrl.blindTransfer, ons.actionUrl.attendedTransfer, ons.actionurl.transferfinished",
		call.Registered:     "P8305, ons.actionUrl.registered, Log On",
		call.Unregistered:   "P8306, ons.actionUrl.unregistered, Log Off",
		call.RegisterFailed: "ons.actionurl.registerfailed",
		call.DNDOn:          "P8316, ons.actionUrl.openDnd",
		call.DNDOff:         "P8317, ons.actionUrl.closedDnd",
		call.ForwardOn:      "P8318, ons.actionUrl.openForward, ons.actionUrl.enableBusyForward, ons.actionUrl.enableForward, ons.actionUrl.enableAlwaysForward, ons.actionUrl.enableNoAnswerForward",
		call.ForwardOff:     "P8319, ons.actionUrl.closedForward, ons.actionUrl.disableBusyForward, ons.actionUrl.disableForward, ons.actionUrl.disableAlwaysForward, ons.actionUrl.disableNoAnswerForward",
		call.Boot:           "P8304, ons.actionUrl.setupCompleted",
		ignored: "P8308, P8309, P8330, P8331, ons.actionUrl.offHook, ons.actionUrl.onHook, ons.actionUrl.openSyslog, ons.actionUrl.closedSyslog, ons.actionUrl.safetyCall," +
			" ons.actionurl.idletobusy, ons.actionurl.busytoidle, ons.actionurl.autopfinish, ons.actionurl.ipchanged, ons.actionurl.transferfailed, ons.actionurl.mute, ons.actionurl.unmute",
	},
	"snom": {
		call.Incoming:       "action_incoming_url",
		call.Outgoing:       "action_outgoing_url",
		call.Answered:       "action_connected_url",
		call.Ended:          "action_disconnected_url",
		call.Missed:         "action_missed_url",
		call.Held:           "action_hold, action_hold_url",
		call.Resumed:        "action_unhold, action_unhold_url",
		call.Transferred:    "action_transfer, action_blind_transfer, action_attended_transfer, action_received_attended_transfer",
		call.Registered:     "action_log_on_url",
		call.Unregistered:   "action_log_off_url",
		call.RegisterFailed: "action_reg_failed",
		call.DNDOn:          "action_dnd_on_url",
		call.DNDOff:         "action_dnd_off_url",
		call.ForwardOn:      "action_redirection_on_url",
		call.ForwardOff:     "action_redirection_off_url",
		call.Boot:           "action_setup_url",
		ignored: "action_offhook_url, action_onhook_url, action_received_subscr_notify_url, action_longpress_url, action_vision_url, action_firewall_test," +
			" replace_header_fire_action_url",
	},
	"htek": {
		call.Incoming:       "P3707, ActionUrl_IncomingCall, ActionUrl.IncomingCall",
		call.Outgoing:       "P3708, ActionUrl_OutgoingCall",
		call.Answered:       "P3709, P3731, ActionUrl_CallEstablished, ActionUrl_AnswerNewIncomingCall",
		call.Ended:          "P3710, P3729, ActionUrl_CallTerminated, ActionUrl_ForwardIncomingCall, ActionUrl_CallRemoteCanceled, ActionUrl_CancelCallOut, ActionUrl_RemoteBusy, ActionUrl_CallCompletedElsewhere",
		call.Missed:         "P3726, ActionUrl_MissedCall",
		call.Rejected:       "P3730, ActionUrl_RejectIncomingCall",
		call.Held:           "P3722, ActionUrl_Hold",
		call.Resumed:        "P3723, ActionUrl_Unhold",
		call.Transferred:    "P3719, P3720, P3721, P3732, ActionUrl_TransferCall, ActionUrl_TransferFinished",
		call.Registered:     "P3702, ActionUrl_Registered, ActionUrl_LogOn",
		call.Unregistered:   "P3703, ActionUrl_Unregistered, ActionUrl_LogOff",
		call.RegisterFailed: "P3704, ActionUrl_RegisterFailed",
		call.DNDOn:          "P3711, ActionUrl_OpenDND",
		call.DNDOff:         "P3712, ActionUrl_CloseDND",
		call.ForwardOn:      "P3713, P3715, P3717, ActionUrl_OpenAlwaysForward",
		call.ForwardOff:     "P3714, P3716, P3718, ActionUrl_CloseAlwaysForward",
		call.Boot:           "P3701, ActionUrl_SetupCompleted",
		ignored: "P3705, P3706, P3724, P3725, P3727, P3728, P3733, ActionUrl_OffHook, ActionUrl.OnfHook, ActionUrl_AutopFinish, ActionUrl_VPN_IP, ActionUrl_IdleToBusy," +
			" ActionUrl_BusyToIdle, ActionUrl_TransferFailed",
	},
	"gigaset": {
		call.Incoming:       "System.Events.IncomingCall",
		call.Outgoing:       "System.Events.OutgoingCall",
		call.Answered:       "System.Events.ConnectionEstablished",
		call.Ended:          "System.Events.ConnectionTerminated",
		call.Registered:     "System.Events.RegistrationSuccessed",
		call.RegisterFailed: "System.Events.RegistrationFailed",
		ignored:             "System.Events.OffHook, System.Events.OnHook",
	},
	"akuvox": {
		call.Incoming:       "Config.Features.ACTIONURL.IncomingCall",
		call.Outgoing:       "Config.Features.ACTIONURL.OutgoingCall",
		call.Answered:       "Config.Features.ACTIONURL.Established, Config.Features.ACTIONURL.AnswerNewInCall",
		call.Ended:          "Config.Features.ACTIONURL.Terminated, Config.Features.ACTIONURL.ForwardInComingCall",
		call.Missed:         "Config.Features.ACTIONURL.MissedCall",
		call.Rejected:       "Config.Features.ACTIONURL.RejectInComingCall",
		call.Held:           "Config.Features.ACTIONURL.Hold",
		call.Resumed:        "Config.Features.ACTIONURL.UnHold",
		call.Transferred:    "Config.Features.ACTIONURL.TransferCall, Config.Features.ACTIONURL.BlindTransfer, Config.Features.ACTIONURL.AttendedTransfer, Config.Features.ACTIONURL.TransferFinished",
		call.Registered:     "Config.Features.ACTIONURL.Registered",
		call.Unregistered:   "Config.Features.ACTIONURL.Unregistered",
		call.RegisterFailed: "Config.Features.ACTIONURL.RegisterFailed",
		call.DNDOn:          "Config.Features.ACTIONURL.OpenDND",
		call.DNDOff:         "Config.Features.ACTIONURL.CloseDND",
		call.ForwardOn:      "Config.Features.ACTIONURL.OpenAlwaysForward, Config.Features.ACTIONURL.OpenBusyForward, Config.Features.ACTIONURL.OpenNoAnswerForward",
		call.ForwardOff:     "Config.Features.ACTIONURL.CloseAlwaysForward, Config.Features.ACTIONURL.CloseBusyForward, Config.Features.ACTIONURL.CloseNoAnswerForward",
		call.Boot:           "Config.Features.ACTIONURL.SetupCompleted",
		ignored: "Config.Features.ACTIONURL.OffHook, Config.Features.ACTIONURL.OnHook, Config.Features.ACTIONURL.TransferFailed, Config.Features.ACTIONURL.Mute," +
			" Config.Features.ACTIONURL.UnMute, Config.Features.ACTIONURL.IPChanged, Config.Features.ACTIONURL.IdleToBusy, Config.Features.ACTIONURL.BusyToIdle",
	},
	"flyingvoice": {
		call.Incoming:     "DBID_ACTIONURL_RING, action_url.incoming_call",
		call.Outgoing:     "DBID_ACTIONURL_DIALING, action_url.outgoing_call",
		call.Answered:     "DBID_ACTIONURL_CONNECTED, action_url.call_established",
		call.Ended:        "DBID_ACTIONURL_DISCONNECTED, action_url.call_terminated, action_url.call_remote_canceled",
		call.Missed:       "DBID_ACTIONURL_MISSREMIND, action_url.missed_call",
		call.Rejected:     "action_url.reject_incoming_call",
		call.Held:         "action_url.hold, action_url.held",
		call.Resumed:      "DBID_ACTIONURL_HOLD_STOP, action_url.unhold, action_url.unheld",
		call.Transferred:  "action_url.transfer_finished",
		call.Registered:   "action_url.registered",
		call.Unregistered: "action_url.unregistered",
		call.DNDOn:        "DBID_ACTIONURL_DND_ENABLE, action_url.dnd_on",
		call.DNDOff:       "action_url.dnd_off",
		call.ForwardOn:    "action_url.always_fwd_on",
		call.ForwardOff:   "action_url.always_fwd_off",
		ignored:           "DBID_ACTIONURL_HOOKON",
	},
	"mitel": {
		call.Incoming:     "action uri incoming",
		call.Outgoing:     "action uri outgoing",
		call.Answered:     "action uri connected",
		call.Ended:        "action uri disconnected",
		call.Registered:   "action uri registered",
		call.Unregistered: "action uri registration event",
		call.Boot:         "action uri startup",
		ignored:           "action uri offhook, action uri onhook, action uri xml sip notify, action uri poll",
	},
	"polycom": {
		call.Incoming:     "IncomingCallEvent, Offering",
		call.Outgoing:     "OutgoingCallEvent, Setup",
		call.Answered:     "Connected",
		call.Ended:        "Disconnected, Free",
		call.Held:         "Hold, Held, CallHold, CallHeld, CallConfHold, CallConfHeld",
		call.Registered:   "LineRegistrationEvent, lineRegistrationEvent",
		call.Unregistered: "LineUnregistrationEvent",
		call.Boot:         "AppInitializationEvent, appInitializationEvent",
		ignored: "Dialtone, Ringback, CallConference, CallRemoteActive, Ncas, OffHookEvent, OnHookEvent, PhoneLockedEvent, PhoneUnlockedEvent, UserLoginOutEvent," +
			" MuteUnmuteEvent, NetworkUpEvent, DialplanEvent, SipMsgEvent",
	},
	"microsip": {
		call.Incoming: "cmdIncomingCall",
		call.Outgoing: "cmdOutgoingCall",
		call.Answered: "cmdCallStart, cmdCallAnswer, cmdCallAnswerVideo",
		call.Ended:    "cmdCallEnd, cmdCallBusy",
		ignored:       "cmdCallRing",
	},
}

func TestEveryDocumentedEventIsAnEventOrSaysThatItMeansNothing(t *testing.T) {
	for dialect, events := range documented {
		for want, keys := range events {
			for key := range strings.SplitSeq(keys, ", ") {
				means(t, dialect, key, want)
			}
		}
	}
	for _, pair := range [][2]string{{"dlink", "fanvil"}, {"sangoma", "htek"}, {"flyingvoice", "yealink"}} {
		for want, keys := range documented[pair[1]] {
			for key := range strings.SplitSeq(keys, ", ") {
				means(t, pair[0], key, want)
			}
		}
	}
}

// wrapper is what the vendors' configurations write in front of the event.
var wrapper = regexp.MustCompile(`(?i)^.*action[_ ]?ur[li][._ ]`)

// means asks for an event by the vendor's key: whole, in lower case as the front has it, and without the wrapper.
func means(t *testing.T, dialect, key string, want call.EventType) {
	t.Helper()
	for _, name := range []string{key, strings.ToLower(key), wrapper.ReplaceAllString(key, "")} {
		s, err := Parse(Hit{Dialect: dialect, Event: name}, "RU")
		quiet := errors.Is(err, ErrNoMeaning) || dialect == "polycom" && errors.Is(err, ErrNothingNew)
		if want == ignored && !quiet {
			t.Errorf("%s/%s is %q, %v, want no meaning", dialect, name, s.Event.Type, err)
		}
		if want != ignored && (err != nil || s.Event.Type != want) {
			t.Errorf("%s/%s is %q, %v, want %q", dialect, name, s.Event.Type, err, want)
		}
	}
}

func TestNoVendorKnowsAnEventThatIsNotDocumented(t *testing.T) {
	known := make(map[string]bool)
	for dialect, events := range documented {
		for _, keys := range events {
			for key := range strings.SplitSeq(keys, ", ") {
				known[dialect+" "+fold(key)] = true
				known["shared "+fold(key)] = true
			}
		}
	}
	for _, v := range vendors {
		for name := range v.events {
			if v.eventParam == "" && !known[v.name+" "+fold(name)] {
				t.Errorf("%s: %s is not in the table of this test", v.name, name)
			}
		}
	}
	for name := range sharedEvents {
		if !known["shared "+fold(name)] {
			t.Errorf("shared: %s is not in the table of this test", name)
		}
	}
}

// fact is a vendor of phones.yaml, the collected facts that the farm's phones are made of.
type fact struct {
	ID       string
	Agent    string            `yaml:"user_agent_example"`
	Extra    map[string]string `yaml:"events_extra"` // key → canonical; the tables of events are the other way round
	Events   map[string]string
	Legacy   map[string]string `yaml:"events_legacy_ini"`
	Text     map[string]string `yaml:"events_text_format"`
	Alias    map[string]string `yaml:"events_alias"`
	Named    map[string]string `yaml:"events_named"`
	DBID     map[string]string `yaml:"events_dbid"`
	States   map[string]string `yaml:"xml_states"`
	Vars     map[string]string `yaml:"variables"`
	Inferred map[string]string `yaml:"variables_inferred"`
	Some     map[string]string `yaml:"variables_some_models"`
	Reply    string            `yaml:"reply_body"`
}

// facts are those of the vendors that have a dialect.
func facts(t *testing.T) []fact {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "test", "farm", "phones.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("SKIPPED: there is no test/farm/phones.yaml")
	}
	var all struct{ Vendors []fact }
	if err := errors.Join(err, yaml.Unmarshal(data, &all)); err != nil {
		t.Fatal(err)
	}
	known := slices.DeleteFunc(all.Vendors, func(f fact) bool { return !slices.Contains(Dialects(), f.ID) })
	if len(known) != len(Dialects())-3 { // checkphone and phone are no vendors, and Sangoma is under Htek
		t.Errorf("%d vendors of phones.yaml have a dialect, of %d dialects", len(known), len(Dialects()))
	}
	return known
}

// ownWords are the meanings that phones.yaml has beside the canonical ones.
var ownWords = map[string]call.EventType{
	"other": ignored, "all_calls_ended": ignored, "remote_held": call.Held, "remote_resumed": call.Resumed,
}

func TestEveryKeyOfTheCollectedFactsIsUnderstood(t *testing.T) {
	for _, f := range facts(t) {
		keys := maps.Clone(f.Extra)
		if keys == nil {
			keys = make(map[string]string)
		}
		for _, table := range []map[string]string{f.Events, f.Legacy, f.Text, f.Alias, f.Named, f.DBID} {
			for meaning, key := range table {
				keys[key] = meaning
			}
		}
		if f.ID == "polycom" { // its keys are switches; what they switch on is in the XML
			keys = f.States
		}
		delete(keys, "") // null: the vendor has no such event
		for key, meaning := range keys {
			want, is := ownWords[meaning]
			if !is {
				want = call.EventType(meaning)
			}
			means(t, f.ID, key, want)
		}
	}
}

func TestAPhoneWhoseURLForgotTheVendorIsKnownByItsUserAgent(t *testing.T) {
	for _, c := range []struct{ agent, dialect, mac, model, firmware string }{
		{"Yealink SIP-T46S 66.86.5.20 80:5e:c0:01:02:03", "yealink", "805ec0010203", "SIP-T46S", "66.86.5.20"},
		{"Yealink SIP-T56A  58.80.0.25 001565f429a4", "yealink", "001565f429a4", "SIP-T56A", "58.80.0.25"},
		{"Yealink W75DM 108.83.0.40 001565010203", "yealink", "001565010203", "W75DM", "108.83.0.40"},
		{"Fanvil X6U Pro 0.0.10 0c383e2cd782", "fanvil", "0c383e2cd782", "X6U Pro", "0.0.10"},
		{"Fanvil V67 2.6.6.187 0c383e2b29e6", "fanvil", "0c383e2b29e6", "V67", "2.6.6.187"},
		{"Flyingvoice FIP13G V0.6.24 00:21:F2:22:AE:F1", "flyingvoice", "0021f222aef1", "FIP13G", "0.6.24"},
		{"Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b828aa872", "grandstream", "000b828aa872", "GXP2135", "1.0.7.97"},
		{"Htek UC926 2.0.4.2 00:1f:c1:01:02:03", "htek", "001fc1010203", "UC926", "2.0.4.2"},
		{"Mozilla/4.0 (compatible; snomD785-SIP 10.1.169.16 2010.12 00041396D9B4 SXM:0 UXM:0 UXMC:0)", "snom", "00041396d9b4", "D785", "10.1.169.16"},
		{"Mitel6940 MAC:14-00-E9-29-4C-6B V:6.4.0.4006-SIP", "mitel", "1400e9294c6b", "6940", "6.4.0.4006"},
		{"Aastra6731i MAC:00-08-5D-29-4C-6B V:3.3.1.4365-SIP", "mitel", "00085d294c6b", "6731i", "3.3.1.4365"},
		{"FileTransport PolycomSoundPointIP-SPIP_450-UA/3.2.3.1734", "polycom", "", "SPIP_450", "3.2.3.1734"},
		{"PolycomVVX-VVX_450-UA/6.4.0", "polycom", "", "VVX_450", "6.4.0"},
		{"Yealink", "phone", "", "", ""},
		{"Yealink of a form that we do not know", "yealink", "", "", ""},
		{"Gigaset N870 IP PRO/83.V2.11.0+build.a546b91;7C2F80E0D605", "gigaset", "7c2f80e0d605", "N870 IP PRO", "83.V2.11.0"},
		{"Panasonic_KX-UT670/01.022 (0080f000000)", "phone", "", "", ""},
		{"Mozilla/5.0 (Windows NT 10.0)", "phone", "", "", ""},
		{"0123456789abcdef0123456789abcdef", "phone", "", "", ""},
		{"", "phone", "", "", ""},
	} {
		s, err := Parse(Hit{Dialect: "phone", Event: "boot", UserAgent: c.agent}, "RU")
		if err != nil {
			t.Errorf("%q: %v", c.agent, err)
			continue
		}
		got := s.Event
		same(t, []string{c.dialect, c.mac, c.model, c.firmware}, []string{got.Source, got.Phone.MAC, got.Phone.Model, got.Phone.Firmware})
		same(t, "", s.MAC) // the hit itself names none
	}
}

func TestWhatTheURLSaysComesBeforeTheUserAgent(t *testing.T) {
	s, err := Parse(Hit{Dialect: "snom", Event: "boot", Query: "mac=000413000001&model=D785&fw=10.1",
		UserAgent: "Yealink SIP-T46S 66.86.5.20 001565f429a4"}, "RU")
	if err != nil {
		t.Fatal(err)
	}
	same(t, call.Phone{MAC: "000413000001", Model: "D785", Firmware: "10.1"}, s.Event.Phone)
	same(t, "000413000001", s.MAC)
	same(t, "snom", s.Event.Source)
}

func TestTheVendorsOfTheCollectedFactsAreKnownByTheirUserAgents(t *testing.T) {
	for _, f := range facts(t) {
		if f.Agent == "" {
			continue
		}
		s, err := Parse(Hit{Dialect: "phone", Event: "boot", UserAgent: f.Agent}, "RU")
		if err != nil || s.Event.Source != f.ID || s.Event.Phone.Model == "" || s.Event.Phone.Firmware == "" {
			t.Errorf("%q is %q %q %q, %v, want %s, a model and a firmware", f.Agent, s.Event.Source, s.Event.Phone.Model, s.Event.Phone.Firmware, err, f.ID)
		}
		if s.Event.Phone.MAC == "" && f.ID != "polycom" {
			t.Errorf("%q: no MAC", f.Agent)
		}
		same(t, f.Reply, s.Reply)
	}
}

// meanings are what phones.yaml calls the places of an event.
var meanings = map[string]func(*Said) string{
	"mac":           func(s *Said) string { return s.MAC },
	"phone_ip":      func(s *Said) string { return s.Event.Phone.IP },
	"model":         func(s *Said) string { return s.Event.Phone.Model },
	"firmware":      func(s *Said) string { return s.Event.Phone.Firmware },
	"account_user":  func(s *Said) string { return string(s.Event.Line) },
	"account_uri":   func(s *Said) string { return s.Event.Local.URI },
	"local_party":   func(s *Said) string { return s.Event.Local.URI },
	"remote_party":  func(s *Said) string { return s.Event.Remote.URI },
	"local_name":    func(s *Said) string { return s.Event.Local.Name },
	"remote_name":   func(s *Said) string { return s.Event.Remote.Name },
	"caller_name":   func(s *Said) string { return s.Event.Remote.Name },
	"called_number": func(s *Said) string { return s.Event.Remote.URI },
	"call_id":       func(s *Said) string { return s.Event.CallID },
}

// An operator may name a parameter after the variable (active_user=$active_user), and a variable that the phone does not
// fill in comes as it was written.
func TestAParameterMayBearTheNameOfItsVariable(t *testing.T) {
	for _, f := range facts(t) {
		for _, table := range []map[string]string{f.Vars, f.Inferred, f.Some} {
			for variable, meaning := range table {
				if get := meanings[meaning]; get != nil && strings.HasPrefix(variable, "$") {
					bearsItsName(t, f.ID, variable, meaning, get)
				}
			}
		}
	}
}

func bearsItsName(t *testing.T, dialect, variable, meaning string, get func(*Said) string) {
	t.Helper()
	event, value := "incoming", "101"
	switch meaning {
	case "called_number":
		event = "outgoing"
	case "mac":
		value = "001565aabbcc"
	case "phone_ip":
		value = "10.0.0.7"
	case "caller_name", "local_name", "remote_name":
		value = "Ivan"
	}
	name := strings.Trim(variable, "$")
	s, err := Parse(Hit{Dialect: dialect, Event: event, Query: name + "=" + value}, "RU")
	if got := get(&s); err != nil || got != value {
		t.Errorf("%s: %s=%s is %q as %s, %v", dialect, name, value, got, meaning, err)
	}
	s, err = Parse(Hit{Dialect: dialect, Event: event, Query: name + "=" + variable}, "RU")
	if got := get(&s); err != nil || got != "" {
		t.Errorf("%s: the unfilled %s is %q, %v", dialect, variable, got, err)
	}
}

// callbus send speaks as any vendor's phone does, and is told from one all the same.
func TestATrialIsNoPhone(t *testing.T) {
	for _, c := range []Hit{
		{Dialect: "yealink", Event: "incoming", Query: "line=101&mac=001565aabbcc"},
		{Dialect: "phone", Event: "incoming", Query: "line=101"},
		{Dialect: "polycom", Query: "line=101", Body: "<PolycomIPPhone><IncomingCallEvent><PhoneIP>192.168.10.11</PhoneIP><MACAddress>0004f2000001</MACAddress></IncomingCallEvent></PolycomIPPhone>"},
	} {
		for agent, want := range map[string]bool{call.Trial: true, "Yealink SIP-T46S 66.86.5.20": false, "": false, call.Trial + " 2": false} {
			c.UserAgent = agent
			said, err := Parse(c, "RU")
			if err != nil || said.Event.Phone.Trial() != want {
				t.Errorf("%s by %q: got %+v, %v, want a trial: %v", c.Dialect, agent, said.Event.Phone, err, want)
			}
		}
	}
}
