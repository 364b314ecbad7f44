package soap

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const fault11 = `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">` +
	`<soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>Неизвестная ошибка. {Модуль(25)}: Нет такого.
по причине:
{Модуль(25)}: Нет такого.</faultstring></soap:Fault></soap:Body></soap:Envelope>`

const fault12 = `<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><S:Fault><S:Code><S:Value>S:Sender</S:Value></S:Code>` +
	`<S:Reason><S:Text xml:lang="ru">Нет такого</S:Text></S:Reason></S:Fault></S:Body></S:Envelope>`

func response(inner string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header/><soap:Body>` +
		`<m:TelDataResponse xmlns:m="ns">` + inner + `</m:TelDataResponse></soap:Body></soap:Envelope>`
}

func TestEveryShapeOfAnswerIsUnderstood(t *testing.T) {
	tests := []struct {
		name, body string
		want       Answer
	}{
		{"a return value", response(`<m:return> OK </m:return>`), Answer{Kind: Returned, Text: " OK "}},
		{"with a byte order mark", "\uFEFF" + response(`<m:return>OK</m:return>`), Answer{Kind: Returned, Text: "OK"}},
		{"other prefixes", strings.NewReplacer("soap:", "S-E:", ":soap", ":S-E", "m:", "q:", ":m", ":q").Replace(response(`<m:return>OK</m:return>`)), Answer{Kind: Returned, Text: "OK"}},
		{"an empty return value", response(`<m:return/>`), Answer{Kind: Returned}},
		{"a nil return value", response(`<m:return xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>`), Answer{Kind: Returned}},
		{"no return value", response(``), Answer{Kind: Returned}},
		{"an object", response("<m:return>\n<m:a>1</m:a>\n<m:b>2</m:b></m:return>"), Answer{Kind: Returned, Text: "1 2"}},
		{"out parameters", response(`<m:return>Cancel</m:return><m:answer>x</m:answer>`), Answer{Kind: Returned, Text: "Cancel"}},
		{"a Fault of SOAP 1.1", fault11, Answer{Kind: Fault, Code: "Server", Text: "Неизвестная ошибка. {Модуль(25)}: Нет такого. по причине: {Модуль(25)}: Нет такого."}},
		{"a Fault of SOAP 1.2", fault12, Answer{Kind: Fault, Code: "Sender", Text: "Нет такого"}},
		{
			"an exception as XML",
			`<?xml version="1.0"?><?xml-stylesheet href="x"?><exception xmlns="http://v8.1c.ru/8.2/virtual-resource-system" reason="406"><descr xmlns="http://v8.1c.ru/8.1/data/core">Истекло время</descr></exception>`,
			Answer{Kind: Exception, Code: "406", Text: "Истекло время"},
		},
		{
			"an exception as JSON",
			"\uFEFF" + `{"#exception":"{x}Exception","exception":{"reason":403,"descr":"HTTP: Forbidden:","inner":{"descr":"Начало запрещено.\nРаботы","inner":{"descr":"Работы","data":"77u/"}}}}`,
			Answer{Kind: Exception, Code: "403", Text: "HTTP: Forbidden: Начало запрещено. Работы"},
		},
		{"an answer that knows exceptions and has none", `{"success":true,"exception":null}`, Answer{Text: `{"success":true,"exception":null}`}},
		{"an answer that repeats a caller's name", `{"name":"exception","reason":"new"}`, Answer{Text: `{"name":"exception","reason":"new"}`}},
		{"an answer that repeats a whole event", `{"got":{"#exception":"x","descr":"y"}}`, Answer{Text: `{"got":{"#exception":"x","descr":"y"}}`}},
		{"an exception as JSON, cut off", `{"#exception":"x","exception":{"descr":"Отказ","creationStack":"core83`, Answer{Kind: Exception, Text: "Отказ"}},
		{
			"a page",
			`<!DOCTYPE HTML><html><head><title>Error</title><style>b{}</style></head><body><!-- x --><h2>Error:</h2>No<br>&apos;space&apos;<script>1<2</script></body></html>`,
			Answer{Kind: HTML, Text: "Error: No 'space'"},
		},
		{"a page in windows-1251", "<html><body>\xce\xf8\xe8\xe1\xea\xe0</body></html>", Answer{Kind: HTML, Text: "Ошибка"}},
		{"a page with nothing but a title", `<html><head><title>502 Bad Gateway</title></head></html>`, Answer{Kind: HTML, Text: "502 Bad Gateway"}},
		{"text", "Bad\r\n request", Answer{Kind: Other, Text: "Bad request"}},
		{"other JSON", `{"success": true}`, Answer{Kind: Other, Text: `{"success": true}`}},
		{"other XML", `<feed><a>1</a></feed>`, Answer{Kind: Other, Text: "1"}},
		{"an envelope cut off", response(`<m:return>OK`)[:170], Answer{Kind: Other, Text: "OK"}},
		{"nothing", " \r\n", Answer{Kind: Empty}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ReadAnswer([]byte(tt.body))); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALongReturnValueCountsAsAnswered(t *testing.T) {
	got := ReadAnswer([]byte(response("<m:return>" + strings.Repeat("x", 2*MaxAnswer) + "</m:return>")))
	if got.Kind != Returned || len(got.Text) > MaxAnswer {
		t.Errorf("got %v with %d bytes, want a return value of at most %d", got.Kind, len(got.Text), MaxAnswer)
	}
}

func TestTheTextOfAnErrorIsShort(t *testing.T) {
	long := strings.Repeat("ошибка ", 10_000)
	for _, body := range []string{
		strings.Replace(fault11, "Нет такого", long, 1), "<html>" + long, long, `{"exception":{"descr":"` + long + `"}}`,
		`<exception><descr>` + long + `</descr></exception>`,
	} {
		got := ReadAnswer([]byte(body))
		if n := utf8.RuneCountInString(got.Text); n > maxText || !strings.HasSuffix(got.Text, "…") {
			t.Errorf("%v: %d runes, want at most %d and a sign that it was cut", got.Kind, n, maxText)
		}
	}
}

func TestCollectedAnswersAreUnderstood(t *testing.T) {
	dir := facts(t)
	tests := []struct {
		file string
		kind Kind
		text string
	}{
		{"01_pricelist_response_soap11.xml", Returned, "Samsung UE55AU8000U"},
		{"02_response_soap12_out_params.xml", Returned, "Cancel"},
		{"03_CheckInfoBasesResponse_soap11_empty_return.xml", Returned, ""},
		{"05_exception_406_pool_timeout.xml", Exception, "Истекло время ожидания сеанса"},
		{"06_exception_403_base_locked.json", Exception, "Начало сеанса с информационной базой запрещено"},
		{"07_platform_error.html", HTML, "The device is full 'v8_x.tmp'"},
		{"08_fault_soap11.PARTLY_CONSTRUCTED.xml", Fault, "Не указан тип"},
		{"08_fault_soap12.PARTLY_CONSTRUCTED.xml", Fault, "Не указан тип"},
		{"09_TelData_response_soap11.CONSTRUCTED.xml", Returned, "OK"},
	}
	for _, tt := range tests {
		got := ReadAnswer(file(t, dir, "samples", tt.file))
		if got.Kind != tt.kind || !strings.Contains(got.Text, tt.text) {
			t.Errorf("%s: %v %q, want %v with %q", tt.file, got.Kind, got.Text, tt.kind, tt.text)
		}
	}
}

// BenchmarkReadAnswer: decoding must vanish beside a call of 30 ms.
func BenchmarkReadAnswer(b *testing.B) {
	for name, body := range map[string]string{"return": response(`<m:return>OK</m:return>`), "fault": fault11} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ReadAnswer([]byte(body))
			}
		})
	}
}
