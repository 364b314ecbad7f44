package onectest

import "strings"

// WSDL is the description that ?wsdl gives: the shape of a 1C 8.3 of today, with both versions of SOAP at one address,
// which is not the one that the client came by: 1C writes the address of its own configuration there.
func (s *Server) WSDL() string {
	o := s.options
	return strings.NewReplacer(
		"{NS}", escape(o.Namespace), "{SVC}", escape(o.Service), "{OP}", escape(o.Operation), "{ACTION}", escape(s.action()),
		"{PATH}", escape(o.Path), "{P1}", escape(o.Parameters[0]), "{P2}", escape(o.Parameters[1]), "{P3}", escape(o.Parameters[2]),
	).Replace(wsdlTemplate)
}

const wsdlTemplate = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"
		xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/"
		xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/"
		xmlns:tns="{NS}"
		xmlns:xsd="http://www.w3.org/2001/XMLSchema"
		name="{SVC}"
		targetNamespace="{NS}">
	<types>
		<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
				targetNamespace="{NS}"
				attributeFormDefault="unqualified"
				elementFormDefault="qualified">
			<xs:element name="{OP}">
				<xs:complexType>
					<xs:sequence>
						<xs:element name="{P1}"
								type="xs:decimal"/>
						<xs:element name="{P2}"
								type="xs:string"/>
						<xs:element name="{P3}"
								type="xs:string"/>
					</xs:sequence>
				</xs:complexType>
			</xs:element>
			<xs:element name="{OP}Response">
				<xs:complexType>
					<xs:sequence>
						<xs:element name="return"
								type="xs:string"/>
					</xs:sequence>
				</xs:complexType>
			</xs:element>
		</xs:schema>
	</types>
	<message name="{OP}RequestMessage">
		<part name="parameters"
				element="tns:{OP}"/>
	</message>
	<message name="{OP}ResponseMessage">
		<part name="parameters"
				element="tns:{OP}Response"/>
	</message>
	<portType name="{SVC}PortType">
		<operation name="{OP}">
			<input message="tns:{OP}RequestMessage"/>
			<output message="tns:{OP}ResponseMessage"/>
		</operation>
	</portType>
	<binding name="{SVC}SoapBinding"
			type="tns:{SVC}PortType">
		<soapbind:binding style="document"
				transport="http://schemas.xmlsoap.org/soap/http"/>
		<operation name="{OP}">
			<soapbind:operation style="document"
					soapAction="{ACTION}"/>
			<input>
				<soapbind:body use="literal"/>
			</input>
			<output>
				<soapbind:body use="literal"/>
			</output>
		</operation>
	</binding>
	<binding name="{SVC}Soap12Binding"
			type="tns:{SVC}PortType">
		<soap12bind:binding style="document"
				transport="http://schemas.xmlsoap.org/soap/http"/>
		<operation name="{OP}">
			<soap12bind:operation style="document"
					soapAction="{ACTION}"/>
			<input>
				<soap12bind:body use="literal"/>
			</input>
			<output>
				<soap12bind:body use="literal"/>
			</output>
		</operation>
	</binding>
	<service name="{SVC}">
		<port name="{SVC}Soap"
				binding="tns:{SVC}SoapBinding">
			<documentation>
				<wsi:Claim xmlns:wsi="http://ws-i.org/schemas/conformanceClaim/"
						conformsTo="http://ws-i.org/profiles/basic/1.1"/>
			</documentation>
			<soapbind:address location="http://inside.invalid{PATH}"/>
		</port>
		<port name="{SVC}Soap12"
				binding="tns:{SVC}Soap12Binding">
			<soap12bind:address location="http://inside.invalid{PATH}"/>
		</port>
	</service>
</definitions>
`
