package provision

import "github.com/callbus/callbus/services/callbus/internal/lang"

// flyingvoice: templates of FusionPBX have Yealink's keys, header and allow-list; its own parameter guide has other keys
// (DBID_ACTIONURL_RING). Of the variables only $ip is documented.
var flyingvoice = &Vendor{
	Name:   "flyingvoice",
	Titles: "Flyingvoice FIP",
	Sure:   Guessed,
	Note: lang.Text{
		En: "keys as in templates of provisioning servers; the variables are taken for Yealink's, its guide was not to be had",
		Ru: "параметры взяты из шаблонов серверов настройки; переменные считаем такими же, как у Yealink: руководства не нашлось",
	},
	format:  yealinkFormat,
	file:    "{mac}.cfg",
	common:  "y000000000000.cfg",
	events:  yealinkEvents,
	vars:    yealinkVars,
	maxURL:  yealink.maxURL,
	address: yealink.address,
	allow:   []setting{{"features.action_uri_limit_ip", "{ip}"}},
}
