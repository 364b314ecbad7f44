package onectest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

const (
	nsEnvelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsEnvelope12 = "http://www.w3.org/2003/05/soap-envelope"
	nsInstance   = "http://www.w3.org/2001/XMLSchema-instance"
)

// request is a call that was understood.
type request struct {
	soap12 bool
	values [3]string
}

type xmlEnvelope struct {
	XMLName xml.Name
	Body    struct {
		Calls []xmlElement `xml:",any"`
	} `xml:"Body"`
}

type xmlElement struct {
	XMLName xml.Name
	Attrs   []xml.Attr   `xml:",any,attr"`
	Text    string       `xml:",chardata"`
	Inner   []xmlElement `xml:",any"`
}

// understand is stricter than 1C: what it lets pass, every release takes.
func (s *Server) understand(r *http.Request, body []byte) (request, error) {
	var e xmlEnvelope
	var got request
	if err := xml.NewDecoder(bytes.NewReader(body)).Decode(&e); err != nil {
		return got, fmt.Errorf("the envelope is no XML: %w", err)
	}
	got.soap12 = e.XMLName.Space == nsEnvelope12
	if e.XMLName.Local != "Envelope" || !got.soap12 && e.XMLName.Space != nsEnvelope11 {
		return got, fmt.Errorf("{%s}%s is no SOAP envelope", e.XMLName.Space, e.XMLName.Local)
	}
	if err := s.checkHeaders(r, got.soap12); err != nil {
		return got, err
	}
	if len(e.Body.Calls) != 1 {
		return got, fmt.Errorf("there are %d elements in the body, want one", len(e.Body.Calls))
	}
	return got, s.checkCall(e.Body.Calls[0], &got)
}

// checkHeaders wants the right type and, in SOAP 1.1, a right action or none. (1C itself looks at neither.)
func (s *Server) checkHeaders(r *http.Request, soap12 bool) error {
	want, action := "text/xml", strings.Trim(r.Header.Get("SOAPAction"), `"`)
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if soap12 {
		want, action = "application/soap+xml", parameters["action"]
	}
	if err != nil || kind != want || !strings.EqualFold(parameters["charset"], "utf-8") {
		return fmt.Errorf("the Content-Type is %q, want %s in UTF-8", r.Header.Get("Content-Type"), want)
	}
	if action != "" && action != s.action() {
		return fmt.Errorf("the SOAP action is %q, want %q", action, s.action())
	}
	return nil
}

func (s *Server) action() string {
	return s.options.Namespace + "#" + s.options.Service + ":" + s.options.Operation
}

// checkCall wants every parameter, in order, in the namespace of the service.
func (s *Server) checkCall(c xmlElement, got *request) error {
	if want := (xml.Name{Space: s.options.Namespace, Local: s.options.Operation}); c.XMLName != want {
		return fmt.Errorf("unknown operation {%s}%s, want {%s}%s", c.XMLName.Space, c.XMLName.Local, want.Space, want.Local)
	}
	wanted := s.wanted()
	for i, want := range wanted {
		if i >= len(c.Inner) {
			return fmt.Errorf("parameter %s is missing", want.Name)
		}
		p := c.Inner[i]
		if name := (xml.Name{Space: s.options.Namespace, Local: want.Name}); p.XMLName != name {
			return fmt.Errorf("parameter %d is {%s}%s, want {%s}%s", i+1, p.XMLName.Space, p.XMLName.Local, name.Space, name.Local)
		}
		if p.isNil() && !want.Nillable {
			return fmt.Errorf("parameter %s is nil and may not be", want.Name)
		}
		if i < len(got.values) {
			got.values[i] = p.Text
		}
	}
	if len(c.Inner) > len(wanted) {
		return fmt.Errorf("parameter %s is one too many", c.Inner[len(wanted)].XMLName.Local)
	}
	if n := got.values[0]; len(n) != 1 || n < "1" || n > "4" {
		return fmt.Errorf("parameter %s is %q, want 1, 2, 3 or 4", s.options.Parameters[0], n)
	}
	return nil
}

// wanted are the parameters that a call must have.
func (s *Server) wanted() (all []Parameter) {
	for _, name := range s.options.Parameters {
		all = append(all, Parameter{Name: name})
	}
	for _, p := range s.options.Further {
		if !p.Out {
			all = append(all, p)
		}
	}
	return all
}

func (e xmlElement) isNil() bool {
	for _, a := range e.Attrs {
		if a.Name.Space == nsInstance && a.Name.Local == "nil" {
			return a.Value == "true" || a.Value == "1"
		}
	}
	return false
}
