package provision

import (
	"fmt"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// microsip is a softphone that runs a program at each event, with the other side's number as its last argument: curl, which
// comes with Windows 10 and encodes the number. Older ones take the whole value for a file name: for them there is a .cmd for
// each event (MicroSIP's source, settings.cpp and MSIP::RunCmd; values of 255 characters).
var microsip = &Vendor{
	Name:   "microsip",
	Titles: "MicroSIP (Windows)",
	Sure:   Documented,
	Note: lang.Text{
		En: "paste the lines into [Settings] of microsip.ini while MicroSIP is closed; it tells neither call nor account, so each PC needs its own (--phone NAME=LINE); the .cmd files are for old versions only: there the number goes through cmd.exe, which a caller could abuse",
		Ru: "вставьте строки в раздел [Settings] файла microsip.ini, пока MicroSIP закрыт; ни звонка, ни учётной записи он не называет, поэтому каждому ПК нужны свои (--phone ИМЯ=ЛИНИЯ); файлы .cmd только для старых версий: там номер проходит через cmd.exe, чем может воспользоваться звонящий",
	},
	Dial: lang.Text{
		En: "microsip.exe NUMBER, on the PC itself",
		Ru: "microsip.exe НОМЕР, на самом ПК",
	},
	format: format{
		comment: "; %s",
		open:    "[Settings]",
		setting: "%[1]s=%[2]s",
		eol:     "\r\n",
		wrap:    func(url string) string { return curlBefore + url + curlBehind },
		beside:  microsipScripts,
	},
	file:    "{mac}.ini",
	maxURL:  255 - len(curlBefore) - len(curlBehind),
	address: "%s",
	encodes: true,
	events: []event{
		{"cmdIncomingCall", call.Incoming, ""},
		{"cmdOutgoingCall", call.Outgoing, ""},
		{"cmdCallStart", call.Answered, ""},
		{"cmdCallEnd", call.Ended, ""},
		{"cmdCallBusy", call.Ended, ""}, // instead of cmdCallEnd after a 486, 600 or 603
	},
}

const (
	curlBefore = "curl -sGm 5 "
	curlBehind = " --data-urlencode"
)

// microsipScripts are one line of curl each. In a .cmd a percent sign is written twice, but in %~1, which is the first
// argument without quotes.
func microsipScripts(p *page, dir string) (files []File) {
	for _, e := range p.events {
		text := "@rem " + unsigned + "\r\n" + fmt.Sprintf("@curl.exe -sGm 5 \"%s\" --data-urlencode \"remote=%%~1\"\r\n",
			strings.ReplaceAll(p.url(p.Office, p.Phone, e), "%", "%%"))
		files = append(files, File{dir + "/" + e.key + ".cmd", signed(text)})
	}
	return files
}
