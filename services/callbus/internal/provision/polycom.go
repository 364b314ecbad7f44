package provision

import "github.com/callbus/callbus/services/callbus/internal/lang"

// polycom: UC software, apps.telNotification: one URL for all events, which the phone POSTs as XML (UC 5.0 Web Application
// guide, pp. 27-32); switches: SoundPoint's sip.cfg and the parameter catalogue of later software. Old software knows
// incomingEvent and outgoingEvent only, so they are on beside callStateChangeEvent; ingest takes the two for one.
var polycom = &Vendor{
	Name:   "polycom",
	Titles: "Polycom SoundPoint, VVX; Poly Edge",
	Sure:   Documented,
	Note: lang.Text{
		En: "there is no event for a missed or a rejected call; on an Edge it has not been seen; the file is to be named in CONFIG_FILES of the phone's master file",
		Ru: "событий пропущенного и отклонённого звонка нет; на Edge не проверено; имя файла добавьте в CONFIG_FILES главного файла телефона",
	},
	Dial: lang.Text{
		En: "apps.restapi.enabled=1 opens it to whoever knows the phone's password; it has no list of addresses, so it is left as it is",
		Ru: "apps.restapi.enabled=1 разрешает это всем, кто знает пароль телефона; списка адресов нет, поэтому ключ не трогаем",
	},
	format: func() format {
		f := xmlElements.inside("<PHONE_CONFIG><ALL", "/></PHONE_CONFIG>")
		f.first, f.setting = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, `  %[1]s="%[2]s"`
		return f
	}(),
	file:    "{mac}-user.cfg",
	address: "%s@pbx",
	enable: []setting{
		{"apps.telNotification.incomingEvent", "1"},
		{"apps.telNotification.outgoingEvent", "1"},
		{"apps.telNotification.callStateChangeEvent", "1"},
		{"apps.telNotification.lineRegistrationEvent", "1"},
		{"apps.telNotification.appInitializationEvent", "1"},
	},
	events: []event{{"apps.telNotification.URL", "", ""}},
}
