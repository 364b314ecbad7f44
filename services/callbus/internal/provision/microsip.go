package provision

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// microsip is a softphone that runs a program at each event. It appends what the caller sends as his number, without
// quotes, to the command line (MicroSIP's source, settings.cpp and MSIP::RunCmd; values of 255 characters). So the program
// must be one that takes the rest of its line for data whatever it says: our own. curl takes it for more options, such as
// the name of a file to write; cmd.exe for commands.
var microsip = &Vendor{
	Name:   "microsip",
	Titles: "MicroSIP (Windows)",
	Sure:   Documented,
	Note: lang.Text{
		En: `put callbus.exe (and the phone's token.txt, if it has a token) into C:\callbus of the PC, and paste the lines into [Settings] of microsip.ini while MicroSIP is closed; it tells neither call nor account, so each PC needs its own (--phone NAME=LINE)`,
		Ru: `положите на ПК в C:\callbus программу callbus.exe (и token.txt телефона, если он ему выдан), а строки вставьте в раздел [Settings] файла microsip.ini, пока MicroSIP закрыт; ни звонка, ни учётной записи он не называет, поэтому каждому ПК нужны свои (--phone ИМЯ=ЛИНИЯ)`,
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
		beside:  microsipToken,
	},
	file:    "{id}.ini",
	maxURL:  255,
	address: "%s",
	encodes: true,
	hook:    microsipHook,
	vars:    map[string]string{"remote": "NUMBER"},
	events: []event{
		{"cmdIncomingCall", call.Incoming, ""},
		{"cmdOutgoingCall", call.Outgoing, ""},
		{"cmdCallStart", call.Answered, ""},
		{"cmdCallEnd", call.Ended, ""},
		{"cmdCallBusy", call.Ended, ""}, // instead of cmdCallEnd after a 486, 600 or 603
	},
}

// Where the program and the token lie on the PC: paths without a blank, which would end a word.
const (
	microsipProgram   = `C:\callbus\callbus.exe`
	microsipTokenFile = `C:\callbus\token.txt`
)

// microsipHook ends with the two hyphens behind which callbus send takes everything for the number.
func microsipHook(o Office, p Phone, e event) (string, error) {
	if strings.ContainsFunc(p.Line, func(r rune) bool { return r == '"' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", fmt.Errorf("the line %q cannot stand in a command line", p.Line)
	}
	words := []string{microsipProgram, "send", string(e.is), "--vendor", "microsip", "--to", strings.TrimSuffix(o.URL, "/"), "--line=" + p.Line}
	if p.Token != "" {
		words = append(words, "--token-file", microsipTokenFile)
	}
	return strings.Join(append(words, "--"), " "), nil
}

// microsipToken is the file that callbus send reads the token from: other users of the PC see what command lines say.
func microsipToken(p *page, dir string) []File {
	if p.Token == "" {
		return nil
	}
	return []File{{dir + "/token.txt", signed("# " + unsigned + "\r\n" + p.Token + "\r\n")}}
}
