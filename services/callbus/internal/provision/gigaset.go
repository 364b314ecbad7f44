package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// gigaset is a Maxwell: events of Gigaset's wiki (page 932806895), the file's shape of NethServer's template. No variable is
// known, so that line and MAC are written into the URL, and the other side stays unknown.
var gigaset = &Vendor{
	Name:   "gigaset",
	Titles: "Gigaset Maxwell",
	Sure:   Guessed,
	Note: lang.Text{
		En: "events and keys are documented, no variable is: who calls is not told, and each phone needs a file of its own (--phone MAC=LINE)",
		Ru: "события и параметры известны точно, переменные нет: кто звонит, телефон не сообщает, и каждому нужен свой файл (--phone MAC=ЛИНИЯ)",
	},
	Dial: lang.Text{
		En: "not known",
		Ru: "неизвестно",
	},
	format: func() format {
		f := xmlElements.inside(`<provisioning version="1.1"><nvm>`, "</nvm></provisioning>")
		f.setting = `  <param name="%[1]s" value="%[2]s"/>`
		return f
	}(),
	file: "{mac}.xml",
	vars: map[string]string{"mac": macItself},
	events: []event{
		{"System.Events.RegistrationSuccessed", call.Registered, ""}, // so spelt
		{"System.Events.RegistrationFailed", call.RegisterFailed, ""},
		{"System.Events.IncomingCall", call.Incoming, ""},
		{"System.Events.OutgoingCall", call.Outgoing, ""},
		{"System.Events.ConnectionEstablished", call.Answered, ""},
		{"System.Events.ConnectionTerminated", call.Ended, ""},
	},
}
