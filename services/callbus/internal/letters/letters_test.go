package letters

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

func letter() stream.DeadLetter {
	at := time.Date(2026, 11, 22, 14, 3, 5, 0, time.Local)
	why := "1C refused: {WebСервис.TelData.Модуль(25)}: Деление на 0 (HTTP 500, SOAP Fault)"
	return stream.DeadLetter{Ended: stream.Ended{
		Ending: verdict.Ending{
			Verdict: verdict.Never(why), Attempts: 2, Unsure: true,
			Reply: verdict.Reply{Sent: "TelData(Nomer_Sobitia: 1, Nomer_sip: sip:74951234567@pbx, moi_nomer: 101)"},
			Tries: []verdict.Try{{Time: at, Took: 31 * time.Millisecond, Why: "no answer in time"}, {Time: at.Add(time.Second), Took: 40 * time.Millisecond, Status: 500, Why: why}},
		},
		Event: call.Event{
			ID: "01966aa0-0000-7000-8000-000000000000", Type: call.Incoming, Time: at, Line: "101",
			Remote: call.Party{URI: "sip:74951234567@pbx", Number: "+74951234567", Name: "ООО Ромашка"}, Raw: "event=1&p1=sip:74951234567@pbx",
		},
		Target: "main", Lane: "1-0", Time: at.Add(2 * time.Second), Number: 17,
	}}
}

func TestALetterIsToldWhole(t *testing.T) {
	for l, want := range map[lang.Lang]string{
		lang.English: `dead letter 17, target main, 2026-11-22 14:03:07
  event:           incoming, line 101, other side +74951234567 ООО Ромашка
  accepted:        2026-11-22 14:03:05.000, id 01966aa0-0000-7000-8000-000000000000
  the phone said:  event=1&p1=sip:74951234567@pbx
  told:            TelData(Nomer_Sobitia: 1, Nomer_sip: sip:74951234567@pbx, moi_nomer: 101)
  try 1:           14:03:05.000, 31 ms: no answer in time
  try 2:           14:03:06.000, 40 ms: 1C refused: {WebСервис.TelData.Модуль(25)}: Деление на 0 (HTTP 500, SOAP Fault)
  why:             1C refused: {WebСервис.TelData.Модуль(25)}: Деление на 0 (HTTP 500, SOAP Fault)
  beware:          one of the tries may have been taken: sent again, the call may show twice
  what to do:      The code of 1C says this: its author mends it at the module and the line that the text names; 1C's log of events has more
                   then: callbus dead retry 17 (or let it go: callbus dead drop 17)
`,
		lang.Russian: `отвергнутое событие №17, получатель main, 2026-11-22 14:03:07
  событие:         входящий, линия 101, собеседник +74951234567 ООО Ромашка
  принято:         2026-11-22 14:03:05.000, id 01966aa0-0000-7000-8000-000000000000
  телефон сказал:  event=1&p1=sip:74951234567@pbx
  передано:        TelData(Nomer_Sobitia: 1, Nomer_sip: sip:74951234567@pbx, moi_nomer: 101)
  попытка 1:       14:03:05.000, 31 мс: нет ответа за отведённое время
  попытка 2:       14:03:06.000, 40 мс: 1С отказала: {WebСервис.TelData.Модуль(25)}: Деление на 0 (HTTP 500, ошибка SOAP)
  почему:          1С отказала: {WebСервис.TelData.Модуль(25)}: Деление на 0 (HTTP 500, ошибка SOAP)
  учтите:          возможно, одна из попыток принята: после повторной отправки звонок может появиться дважды
  что делать:      Это ответил код 1С: его автор найдёт ошибку по модулю и строке из текста; подробности в журнале регистрации 1С
                   потом: callbus dead retry 17 (или отказаться: callbus dead drop 17)
`,
	} {
		if diff := cmp.Diff(want, Story(letter(), l)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", l, diff)
		}
	}
}

func TestAListHasALineForEach(t *testing.T) {
	const want = "    17  2026-11-22 14:03:07  main  incoming   line 101  sip:74951234567@pbx  tries 2 (may have been taken)" +
		"  1C refused: {WebСервис.TelData.Модуль(25)}: Деление на 0 (HTTP 500, SOAP Fault)"
	if diff := cmp.Diff(want, Line(letter(), lang.English)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALongReasonIsCutInTheListOnly(t *testing.T) {
	d := letter()
	d.Why = "1C refused: " + strings.Repeat("по причине: ", 100) + "Деление на 0"
	if got := Line(d, lang.English); strings.Contains(got, "Деление") || !strings.HasSuffix(got, "…") {
		t.Errorf("the list has %s", got)
	}
	if !strings.Contains(Story(d, lang.English), "Деление на 0\n") {
		t.Error("the story does not have the end of it")
	}
}

func TestOfAWebhookNothingIsSaidOf1C(t *testing.T) {
	d := letter()
	d.Sent, d.Answer = "POST https://crm.example.org (body: the whole event)", ""
	d.Verdict = verdict.Never("no web service is published at this URL (HTTP 404, unknown answer)")
	d.Tries = nil
	for _, text := range []string{Story(d, lang.Russian), Line(d, lang.Russian)} {
		if strings.Contains(text, "1С") || !strings.Contains(text, "у получателя ничего нет") {
			t.Error(text)
		}
	}
}
