package onectest

import (
	"strings"
	"text/template"
)

// Parameter is one that the service has beside the three.
type Parameter struct {
	Name     string
	Type     string // "xs:dateTime", or "tns:" and the name of an object of the service's own
	Fields   []Parameter
	Nillable bool
	Out      bool // it comes back with the answer, after the return value
}

// WSDL is the description that ?wsdl gives: the shape of a 1C 8.3 of today, with both versions of SOAP at one address,
// which is not the one that the client came by: 1C writes the address of its own configuration there. Prefixes that nobody
// uses are declared, as they are in life.
func (s *Server) WSDL() string {
	o := s.options
	in := []Parameter{{Name: o.Parameters[0], Type: "xs:decimal"}, {Name: o.Parameters[1], Type: "xs:string"}, {Name: o.Parameters[2], Type: "xs:string"}}
	out := []Parameter{{Name: "return", Type: "xs:string"}}
	var objects []Parameter
	for _, p := range o.Further {
		if p.Out {
			out = append(out, p)
		} else {
			in = append(in, p)
		}
		if p.Fields != nil {
			objects = append(objects, p)
		}
	}
	var b strings.Builder
	err := wsdlTemplate.Execute(&b, map[string]any{
		"NS": o.Namespace, "Service": o.Service, "Operation": o.Operation, "Action": s.action(), "Path": o.Path,
		"In": in, "Out": out, "Objects": objects,
	})
	if err != nil {
		panic(err) // the template and what goes into it are ours
	}
	return b.String()
}

var wsdlTemplate = template.Must(template.New("wsdl").Funcs(template.FuncMap{
	"x":    escape,
	"bare": func(t string) string { _, name, _ := strings.Cut(t, ":"); return name },
}).Parse(`{{define "elements"}}{{range .}}
						<xs:element name="{{x .Name}}"
								type="{{x .Type}}"{{if .Nillable}}
								nillable="true"{{end}}/>{{end}}{{end -}}
<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"
		xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/"
		xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/"
		xmlns:tns="{{x .NS}}"
		xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy"
		xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
		xmlns:xsd="http://www.w3.org/2001/XMLSchema"
		xmlns:xsd1="{{x .NS}}"
		name="{{x .Service}}"
		targetNamespace="{{x .NS}}">
	<types>
		<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
				xmlns:xs1="{{x .NS}}"
				targetNamespace="{{x .NS}}"
				attributeFormDefault="unqualified"
				elementFormDefault="qualified">{{range .Objects}}
			<xs:complexType name="{{x (bare .Type)}}">
				<xs:sequence>{{template "elements" .Fields}}
				</xs:sequence>
			</xs:complexType>{{end}}
			<xs:element name="{{x .Operation}}">
				<xs:complexType>
					<xs:sequence>{{template "elements" .In}}
					</xs:sequence>
				</xs:complexType>
			</xs:element>
			<xs:element name="{{x .Operation}}Response">
				<xs:complexType>
					<xs:sequence>{{template "elements" .Out}}
					</xs:sequence>
				</xs:complexType>
			</xs:element>
		</xs:schema>
	</types>
	<message name="{{x .Operation}}RequestMessage">
		<part name="parameters"
				element="tns:{{x .Operation}}"/>
	</message>
	<message name="{{x .Operation}}ResponseMessage">
		<part name="parameters"
				element="tns:{{x .Operation}}Response"/>
	</message>
	<portType name="{{x .Service}}PortType">
		<operation name="{{x .Operation}}">
			<input message="tns:{{x .Operation}}RequestMessage"/>
			<output message="tns:{{x .Operation}}ResponseMessage"/>
		</operation>
	</portType>
	<binding name="{{x .Service}}SoapBinding"
			type="tns:{{x .Service}}PortType">
		<soapbind:binding style="document"
				transport="http://schemas.xmlsoap.org/soap/http"/>
		<operation name="{{x .Operation}}">
			<soapbind:operation style="document"
					soapAction="{{x .Action}}"/>
			<input>
				<soapbind:body use="literal"/>
			</input>
			<output>
				<soapbind:body use="literal"/>
			</output>
		</operation>
	</binding>
	<binding name="{{x .Service}}Soap12Binding"
			type="tns:{{x .Service}}PortType">
		<soap12bind:binding style="document"
				transport="http://schemas.xmlsoap.org/soap/http"/>
		<operation name="{{x .Operation}}">
			<soap12bind:operation style="document"
					soapAction="{{x .Action}}"/>
			<input>
				<soap12bind:body use="literal"/>
			</input>
			<output>
				<soap12bind:body use="literal"/>
			</output>
		</operation>
	</binding>
	<service name="{{x .Service}}">
		<port name="{{x .Service}}Soap"
				binding="tns:{{x .Service}}SoapBinding">
			<documentation>
				<wsi:Claim xmlns:wsi="http://ws-i.org/schemas/conformanceClaim/"
						conformsTo="http://ws-i.org/profiles/basic/1.1"/>
			</documentation>
			<soapbind:address location="http://inside.invalid{{x .Path}}"/>
		</port>
		<port name="{{x .Service}}Soap12"
				binding="tns:{{x .Service}}Soap12Binding">
			<soap12bind:address location="http://inside.invalid{{x .Path}}"/>
		</port>
	</service>
</definitions>
`))
