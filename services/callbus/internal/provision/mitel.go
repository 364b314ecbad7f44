package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// mitel: 6700i guide R3.2.2 and 6867i guide R4.2, action URI; 128 characters: 6730i guide 41-001343-02, A-117. There is no
// variable for the MAC and none for the call, so that MAC and extension are written into the URL; `disconnected` has no other
// side, and also means missed and rejected. "Registered" is left out: "registration event" tells it too.
var mitel = &Vendor{
	Name:   "mitel",
	Titles: "Mitel 6700, 6800, 6900; Aastra",
	Sure:   Documented,
	Note: lang.Text{
		En: "keeps 128 characters of a URL: use a short address; set up each phone by itself (--phone MAC=LINE), since none can say who it is; that the key of click-to-dial is called so is not documented",
		Ru: "хранит 128 знаков адреса: адрес Callbus должен быть коротким; настраивайте каждый телефон отдельно (--phone MAC=ЛИНИЯ): сам он не может сказать, кто он; имя параметра для звонка из 1С не подтверждено документом",
	},
	Page: "Advanced Settings → Action URI",
	format: func() format {
		f := keyIsValue
		f.setting = "%[1]s: %[2]s"
		return f
	}(),
	file:    "{MAC}.cfg",
	common:  "aastra.cfg",
	maxURL:  128,
	address: "%s",
	allow:   []setting{{"xml application post list", "{ip}"}},
	vars: map[string]string{
		"mac": macItself, "acc": "$$SIPUSERNAME$$", "ip": "$$LOCALIP$$", "remote": "$$REMOTENUMBER$$", "name": "$$INCOMINGNAME$$",
	},
	only: map[string][]string{ // the guides' table of what has a value where
		"action uri startup":      {"ip"},
		"action uri outgoing":     {"acc", "remote", "ip"},
		"action uri disconnected": {"ip"},
	},
	more: map[string]string{"action uri registration event": "regstate=$$REGISTRATIONSTATE$$"},
	events: []event{
		{"action uri startup", call.Boot, "Startup"},
		{"action uri registration event", call.Unregistered, "Registration Event"}, // or what regstate says
		{"action uri incoming", call.Incoming, "Incoming Call"},
		{"action uri outgoing", call.Outgoing, "Outgoing Call"},
		{"action uri connected", call.Answered, "Connected"},
		{"action uri disconnected", call.Ended, "Disconnected"},
	},
}
