package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// fanvil: XML as in templates of FusionPBX and NethServer (X, V, H, W, i series). The variables are those of its white
// labels (VoIPon Gigabit Color, Well SIP-T20); $call_id may hold a number (V62 manual p.111: num=$call_id) and is not used.
var fanvil = &Vendor{
	Name:   "fanvil",
	Titles: "Fanvil X, V, H, W, i",
	Sure:   Guessed,
	Note: lang.Text{
		En: "the keys are documented, the variables are those of its white labels; it has no URL for a rejected call",
		Ru: "параметры известны точно, переменные взяты у телефонов, которые Fanvil выпускает под чужими марками; адреса для отклонённого звонка у него нет",
	},
	format:  xmlElements.inside("<sysConf><Version>2.0000000000</Version><cti>", "</cti></sysConf>"),
	file:    "{mac}.cfg",
	enable:  []setting{{"EnabledActionUrl", "1"}},
	allow:   []setting{{"EnabledActiveUri", "1"}, {"ActiveUriIP", "{ip}"}},
	address: "sip:%s@pbx",
	vars: map[string]string{
		"mac": "$mac", "ip": "$ip", "model": "$model", "fw": "$firmware", "acc": "$active_user", "local": "$local",
		"remote": "$remote", "name": "$display_remote",
	},
	events: []event{
		{"BootCompletedUrl", call.Boot, ""},
		{"RegOnUrl", call.Registered, ""},
		{"RegOffUrl", call.Unregistered, ""},
		{"RegFailedUrl", call.RegisterFailed, ""},
		{"IncomingCallUrl", call.Incoming, ""},
		{"OutgoingCallUrl", call.Outgoing, ""},
		{"CallActiveUrl", call.Answered, ""},
		{"CallStopUrl", call.Ended, ""},
		{"NewMissedcallUrl", call.Missed, ""},
		{"TransferUrl", call.Transferred, ""},
		{"HoldOnUrl", call.Held, ""},
		{"HoldOffUrl", call.Resumed, ""},
		{"HeldOnUrl", call.Held, ""}, // by the other side
		{"HeldOffUrl", call.Resumed, ""},
		{"DNDOnUrl", call.DNDOn, ""},
		{"DNDOffUrl", call.DNDOff, ""},
		{"AlwaysFWDOnUrl", call.ForwardOn, ""},
		{"AlwaysFWDOffUrl", call.ForwardOff, ""},
		{"BusyFWDOnUrl", call.ForwardOn, ""},
		{"BusyFWDOffUrl", call.ForwardOff, ""},
		{"NoAnsFWDOnUrl", call.ForwardOn, ""},
		{"NoAnsFWDOffUrl", call.ForwardOff, ""},
	},
}

// dlink: no document of D-Link's tells of action URLs; a DPH-150GE asks for a common file that is named as a Fanvil's.
var dlink = &Vendor{
	Name:   "dlink",
	Titles: "D-Link DPH",
	Sure:   Guessed,
	Note: lang.Text{
		En: "taken for a Fanvil inside, as a DPH-150GE seems to be; other DPH may not understand a word of it",
		Ru: "считаем, что внутри Fanvil, как, по-видимому, в DPH-150GE; другие DPH могут не понять ни слова",
	},
	format:  fanvil.format,
	file:    fanvil.file,
	enable:  fanvil.enable,
	allow:   fanvil.allow,
	address: fanvil.address,
	vars:    fanvil.vars,
	events:  fanvil.events,
}
