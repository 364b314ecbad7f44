package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// snom: settings of the 3xx, 7xx, 8xx and D series (templates of FusionPBX; the keys of hold, unhold and transfer end without
// _url), variables of service.snom.com.
var snom = &Vendor{
	Name:   "snom",
	Titles: "Snom 3xx, 7xx, 8xx, Dxxx",
	Sure:   Documented,
	Note: lang.Text{
		En: "a rejected call fires no URL; the M series is another phone; Gigaset P7xx and P8xx are thought to be the same",
		Ru: "отклонённый звонок не вызывает никакого адреса; серия M устроена иначе; Gigaset P7xx и P8xx, видимо, такие же",
	},
	Dial: lang.Text{
		En: "the phone asks for the user and password of its web page; it has no list of addresses",
		Ru: "телефон спросит имя и пароль своей веб-страницы; списка адресов у него нет",
	},
	format: func() format {
		f := xmlElements.inside(`<settings><phone-settings e="2">`, "</phone-settings></settings>")
		f.setting = `  <%[1]s perm="">%[2]s</%[1]s>`
		return f
	}(),
	file:    "{MAC}.xml",
	address: "sip:%s@pbx",
	vars: map[string]string{
		"mac": "$mac", "ip": "$phone_ip", "acc": "$active_user", "local": "$local", "remote": "$remote",
		"name": "$display_remote", "cid": "$call-id",
	},
	more: map[string]string{
		"action_log_on_url":  "local=$context_url", // without a call there is no active user
		"action_log_off_url": "local=$context_url",
		"action_missed_url":  "cancel_reason=$cancel_reason", // tells a call that a colleague took from a missed one
	},
	events: []event{
		{"action_setup_url", call.Boot, ""},
		{"action_log_on_url", call.Registered, ""},
		{"action_log_off_url", call.Unregistered, ""},
		{"action_reg_failed", call.RegisterFailed, ""},
		{"action_incoming_url", call.Incoming, ""},
		{"action_outgoing_url", call.Outgoing, ""},
		{"action_connected_url", call.Answered, ""},
		{"action_disconnected_url", call.Ended, ""},
		{"action_missed_url", call.Missed, ""},
		{"action_hold", call.Held, ""},
		{"action_unhold", call.Resumed, ""},
		{"action_blind_transfer", call.Transferred, ""},
		{"action_attended_transfer", call.Transferred, ""},
		{"action_dnd_on_url", call.DNDOn, ""},
		{"action_dnd_off_url", call.DNDOff, ""},
		{"action_redirection_on_url", call.ForwardOn, ""},
		{"action_redirection_off_url", call.ForwardOff, ""},
	},
}
