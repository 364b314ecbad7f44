package soap

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// MaxAnswer is how much of an answer is read. 1C's exceptions may hold megabytes of call stack (field creationStack).
const MaxAnswer = 256 << 10

// maxText bounds the text of an error of 1C in runes: it goes into logs and dead letters. The cause of an exception stands at
// its end, behind as many "по причине" as there are modules between. maxPage bounds what is not 1C's.
const (
	maxText = 2000
	maxPage = 500
)

// Kind tells the answers of 1C apart. The status of HTTP does not: a Fault may come with 200, a login page too.
type Kind int

// The zero Kind is Other, so that what was not understood is never taken for a delivery.
const (
	Other     Kind = iota // plain text, foreign XML, JSON that is no exception
	Empty                 // no body at all, or blanks
	Returned              // a SOAP response: the operation ran
	Fault                 // a SOAP Fault 1.1 or 1.2: the operation, or 1C before it, refused
	Exception             // 1C's own exception, as XML or as JSON: the platform refused
	HTML                  // a page: "1C:Enterprise 8 application error", or of a web server, or a login form
)

// String gives the word that the operator reads.
func (k Kind) String() string {
	return [...]string{"unknown answer", "empty answer", "return value", "SOAP Fault", "1C exception", "HTML page"}[k]
}

// Answer is what the body of an answer says.
type Answer struct {
	Kind Kind
	// Text is the return value, whole; or the text of an error, at most 2,000 runes in one line.
	Text string
	// Code is the code of a Fault without its prefix ("Server", "Sender"), or the reason of an exception ("406").
	Code string
}

// ReadAnswer understands a body of 1C by its first characters and by local names, never by its status or type: SOAP
// response and Fault, exception XML (http://v8.1c.ru/8.2/virtual-resource-system), the same as JSON, and HTML.
// A body is looked at up to MaxAnswer.
func ReadAnswer(body []byte) Answer {
	cut := len(body) > MaxAnswer
	if cut {
		body = body[:MaxAnswer]
	}
	body = bytes.TrimSpace(trimBOM(body))
	switch {
	case len(body) == 0:
		return Answer{Kind: Empty}
	case body[0] == '{':
		return readJSON(body)
	case body[0] == '<':
		return readMarkup(body, cut)
	}
	return Answer{Kind: Other, Text: Shorten(decoded(body), maxPage)}
}

func readMarkup(body []byte, cut bool) Answer {
	tree, err := parseTree(bytes.NewReader(body))
	whole := err == nil || cut
	if root := tree.first(); root != nil && whole {
		switch strings.ToLower(root.name.Local) {
		case "envelope":
			return readEnvelope(root)
		case "exception":
			return Answer{Kind: Exception, Text: exceptionText(root), Code: Shorten(root.attr("reason"), 20)}
		}
	}
	text := decoded(body)
	kind := Other
	if looksLikeHTML(text) {
		kind = HTML
	}
	return Answer{Kind: kind, Text: pageText(text)}
}

// readEnvelope takes a response that was cut at our limit for a response: 1C has answered, only the text is long.
func readEnvelope(envelope *node) Answer {
	content := envelope.child("Body").firstOrNil()
	if content == nil {
		return Answer{Kind: Other, Text: "a SOAP envelope without content"}
	}
	if content.name.Local == "Fault" {
		return readFault(content)
	}
	return Answer{Kind: Returned, Text: content.child("return").plain()} // an operation of 1C may have no return value
}

func (n *node) firstOrNil() *node {
	if n == nil {
		return nil
	}
	return n.first()
}

// readFault reads the Fault of SOAP 1.1 (faultcode, faultstring) and of 1.2 (Code/Value, Reason/Text); where the author
// left the text empty, the detail speaks.
func readFault(fault *node) Answer {
	code := firstOf(fault.child("faultcode").plain(), fault.child("Code").child("Value").plain())
	if _, local, found := strings.Cut(code, ":"); found {
		code = local
	}
	text := firstOf(
		fault.child("faultstring").plain(),
		fault.child("Reason").child("Text").plain(),
		fault.child("detail").plain(),
		fault.child("Detail").plain(),
	)
	return Answer{Kind: Fault, Text: Shorten(text, maxText), Code: Shorten(code, 40)}
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

// exceptionText joins the descriptions from the outside in: the outer one says what was tried, the inner one why not.
func exceptionText(root *node) string {
	var found []string
	for at := root; at != nil; at = at.child("inner") {
		if d := at.child("descr"); d != nil {
			found = append(found, d.plain())
		}
	}
	return joined(found)
}

// readJSON goes through the tokens, because the exception may be cut off in the middle of its call stack. Other systems may have
// an "exception" too, empty where there is none: 1C's has a mark of its own, or says what happened.
func readJSON(body []byte) Answer {
	w := walk{Decoder: json.NewDecoder(bytes.NewReader(body))}
	w.UseNumber()
	answer, marked, object := Answer{}, false, false
	var descriptions []string
	for token, ok := w.next(); ok; token, ok = w.next() {
		text, isString := token.(string)
		switch top := len(w.open) == 1; {
		case w.key == "descr" && isString:
			descriptions = append(descriptions, text)
		case w.key == "reason":
			answer.Code = reason(token)
		case w.key == "#exception":
			marked = marked || top
		case w.key == "exception" && token == json.Delim('{'):
			object = object || len(w.open) == 2 // it is open now
		}
	}
	if !marked && (!object || descriptions == nil) {
		return Answer{Kind: Other, Text: Shorten(string(body), maxPage)}
	}
	answer.Kind, answer.Text = Exception, joined(descriptions)
	return answer
}

// walk goes through a JSON document, and knows which of its texts are keys.
type walk struct {
	*json.Decoder
	open  []json.Delim // objects and lists, from the outside in
	key   string       // of the value that came last; empty in a list
	keyed bool         // a key has come, its value has not
}

// next gives the next value, or the bracket that opens one.
func (w *walk) next() (json.Token, bool) {
	for w.key = ""; ; {
		token, err := w.Token()
		if err != nil {
			return nil, false
		}
		text, isString := token.(string)
		in := len(w.open) - 1
		switch {
		case token == json.Delim('}') || token == json.Delim(']'):
			w.open = w.open[:in]
		case in >= 0 && w.open[in] == '{' && isString && !w.keyed:
			w.key, w.keyed = text, true
		default:
			w.keyed = false
			if d, opens := token.(json.Delim); opens {
				w.open = append(w.open, d)
			}
			return token, true
		}
	}
}

func reason(token json.Token) string {
	if n, ok := token.(json.Number); ok {
		return Shorten(n.String(), 20)
	}
	return ""
}

// joined leaves out what an outer text says already.
func joined(texts []string) string {
	all := ""
	for _, t := range texts {
		t = Shorten(t, maxText)
		if t == "" || strings.Contains(all, t) {
			continue
		}
		if all != "" && !strings.HasSuffix(all, ":") {
			all += ";"
		}
		all = strings.TrimSpace(all + " " + t)
		if len(all) > 8*maxText {
			break
		}
	}
	return Shorten(all, maxText)
}

// decoded reads a page that is no UTF-8 as windows-1251, the encoding of older Russian web servers.
func decoded(body []byte) string {
	if utf8.Valid(body) || utf8.Valid(withoutCutRune(body)) {
		return string(body)
	}
	text, err := charmap.Windows1251.NewDecoder().Bytes(body)
	if err != nil {
		return strconv.Quote(string(body[:min(len(body), maxPage)]))
	}
	return string(text)
}

// withoutCutRune drops up to three bytes of a rune that our limit cut in two.
func withoutCutRune(body []byte) []byte {
	for i := 0; i < utf8.UTFMax-1 && len(body) > 0; i++ {
		if r, size := utf8.DecodeLastRune(body); r != utf8.RuneError || size != 1 {
			break
		}
		body = body[:len(body)-1]
	}
	return body
}
