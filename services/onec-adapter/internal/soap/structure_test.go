package soap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAStructureWithoutAValueIsAsEmptyAsItsSchemaAllows(t *testing.T) {
	const card, place = ` xmlns:n="http://callbus.example/card"`, ` xmlns:n="http://callbus.example/place"`
	const coded = ` xmlns:a1="http://callbus.example/place" a1:code="">` +
		`<Town></Town><n:Street` + place + `></n:Street>`
	const signed = ` by="" format="a &quot;b&quot;"`
	const condition = `<n:Field` + card + `></n:Field><n:Value` + card + ` xsi:nil="true"/>`
	tests := []struct{ operation, parameter, want string }{
		{"ShowCard", "Line", ""},
		{"ShowCard", "Card", `<m:Card xmlns:a1="http://callbus.example/place" a1:zone="0" xmlns:a2="http://callbus.example/place" a2:floor="0"` +
			` kind="Лид &amp; сделка"><n:Ref` + card + `>00000000-0000-0000-0000-000000000000</n:Ref>` +
			`<n:Owner` + card + ` since="0001-01-01"><n:Person` + card + signed + `><n:Name` + card + `></n:Name>` +
			`<n:Born` + card + `>0001-01-01T00:00:00</n:Born></n:Person></n:Owner>` +
			`<n:Manager` + card + signed + ` xsi:nil="true"/><n:Place` + card + coded + `</n:Place>` +
			`<n:Kind` + card + `>Клиент</n:Kind><n:Version` + card + `>3</n:Version><n:Anything` + card + `></n:Anything></m:Card>`},
		{"Отметить", "Отметка", `<m:Отметка>` + strings.Repeat(`<n:Note`+card+` number="1" xsi:nil="true"/>`, 2) + `<m:Where` + coded + `</m:Where></m:Отметка>`},
		{"Measure", "Sum", `<m:Sum xmlns:a1="http://callbus.example/place" a1:rate="0" currency="">1.50</m:Sum>`},
		{"Find", "Query", `<m:Query>` + condition + condition + `</m:Query>`},
		{"Find", "Page", `<m:Page size="0" xsi:nil="true"/>`},
	}
	for _, tt := range tests {
		t.Run(tt.parameter, func(t *testing.T) {
			p := parameterOf(t, string(file(t, "testdata", "structures.wsdl")), tt.operation, tt.parameter)
			if diff := cmp.Diff(tt.want, p.Empty); diff != "" || p.Trouble != "" {
				t.Errorf("trouble %q, and the structure differs (-want +got):\n%s", p.Trouble, diff)
			}
		})
	}
}

func parameterOf(t *testing.T, document, operation, name string) Parameter {
	t.Helper()
	op, err := ParseWSDL([]byte(document), operation)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range op.Parameters {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no parameter %s in %+v", name, op)
	return Parameter{}
}

// small is a description with one operation and one parameter, of the type T.
func small(schema string) string {
	return `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="t" xmlns:o="other" name="S">
<w:types><schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="t" elementFormDefault="qualified">
<element name="O"><complexType><sequence><element name="P" type="t:T"/></sequence></complexType></element>` + schema + `</schema></w:types>
<w:message name="I"><w:part name="p" element="t:O"/></w:message><w:portType name="P"><w:operation name="O"><w:input message="t:I"/></w:operation></w:portType>
<w:binding name="B" type="t:P"><w:operation name="O"><s:operation soapAction="a"/></w:operation></w:binding></w:definitions>`
}

func sequence(inside string) string {
	return small(`<complexType name="T"><sequence>` + inside + `</sequence></complexType>`)
}

func TestWhatIsNotUnderstoodIsSaid(t *testing.T) {
	deep := `<complexType name="T"><sequence><element name="a" type="t:T0"/></sequence></complexType>`
	wide := strings.ReplaceAll(deep, "T0", "W0")
	for i := range 70 {
		deep += fmt.Sprintf(`<complexType name="T%d"><sequence><element name="a" type="t:T%d"/></sequence></complexType>`, i, i+1)
		wide += fmt.Sprintf(`<complexType name="W%d"><choice>`+strings.Repeat(`<element name="a" type="t:W%d"/>`, 3)+`</choice></complexType>`, i, i+1, i+1, i+1)
	}
	tests := []struct{ name, document, want string }{
		{"a type from elsewhere", sequence(`<element name="a" type="o:A"/>`), "a: its type o:A is not declared in the WSDL"},
		{"an element from elsewhere", sequence(`<element ref="o:a"/>`), "o:a is not declared in the WSDL"},
		{"itself", sequence(`<element name="a" type="t:T"/>`), "a: its type contains itself and may not be left out"},
		{"itself as its base", small(`<complexType name="T"><complexContent><extension base="t:T"/></complexContent></complexType>`), "contains itself"},
		{"a group within itself", small(`<complexType name="T"><group ref="t:G"/></complexType><group name="G"><sequence><group ref="t:G"/></sequence></group>`), "contains itself"},
		{"an abstract type", small(`<complexType name="T" abstract="true"/>`), "it is abstract"},
		{"an abstract element", strings.Replace(sequence(`<element ref="t:A"/>`), "</schema>", `<element name="A" abstract="true"/></schema>`, 1), "A: it is abstract"},
		{"any element", sequence(`<any/>`), "it must have an element of any kind"},
		{"a choice of nothing", small(`<complexType name="T"><choice/></complexType>`), "a choice of nothing"},
		{"a reference within the document", sequence(`<element name="a" type="IDREF"/>`), "no empty value of the type xs:IDREF"},
		{"a required attribute from elsewhere", small(`<complexType name="T"><attribute ref="o:a" use="required"/></complexType>`), "attribute o:a: o:a is not declared"},
		{"a name that is none", sequence(`<element name="a&gt;"/>`), "it is not an XML name"},
		{"endless repetition", sequence(`<sequence minOccurs="99999999999999999999"/>`), "steps"},
		{"endless text", sequence(`<element name="a"><simpleType><restriction base="string"><minLength value="999999999"/></restriction></simpleType></element>`), "longer than 250"},
		{"endless default", sequence(`<element name="a" default="` + strings.Repeat("a", maxHollow) + `"/>`), "more than 64 kB"},
		{"endless depth", small(deep), "it is more than 64 deep"},
		{"endless ways into depth", small(wide), "steps"},
		{"a class less another", sequence(simple(`<pattern value="[a-z-[aeiou]]"/>`)), "pattern"},
		{"an anchor", sequence(simple(`<pattern value="^a$"/>`)), "pattern"},
		{"a letter of Go", sequence(simple(`<pattern value="\x41"/>`)), "pattern"},
		{"a class of a bracket", sequence(simple(`<pattern value="[]a]"/>`)), "pattern"}, // found by fuzzing
		{"a block of Unicode", sequence(simple(`<pattern value="\p{IsCyrillic}"/>`)), "pattern"},
		{"facets that cannot be", sequence(simple(`<minLength value="3"/><maxLength value="2"/>`)), "no simple value fits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parameterOf(t, tt.document, "O", "P")
			if p.Empty != "" || !strings.Contains(p.Trouble, tt.want) {
				t.Errorf("got %.200q and the trouble %q, want one with %q", p.Empty, p.Trouble, tt.want)
			}
		})
	}
}

func simple(facets string) string {
	return `<element name="a"><simpleType><restriction base="string">` + facets + `</restriction></simpleType></element>`
}

func TestASimpleValueIsTheEmptiestThatItsFacetsAllow(t *testing.T) {
	tests := []struct{ base, facets, want string }{
		{"string", ``, ""},
		{"string", `<maxLength value="10"/>`, ""},
		{"string", `<minLength value="3"/>`, "---"},
		{"string", `<length value="2"/><pattern value="\d*"/>`, "00"},
		{"string", `<enumeration value="b"/><enumeration value="a"/>`, "b"},
		{"string", `<enumeration value="b"/><enumeration value="aa"/><minLength value="2"/>`, "aa"},
		{"string", `<pattern value="\+7\d{10}"/>`, "+70000000000"},
		{"string", `<pattern value="x"/><pattern value="y?"/>`, ""},
		{"string", `<pattern value="(а|б)[^0-9A]\-\w+z?.{2,}"/>`, "аa-000"},
		{"int", `<minInclusive value="-5"/><maxExclusive value="9"/>`, "0"},
		{"int", `<minInclusive value="5"/>`, "5"},
		{"int", `<maxExclusive value="-5"/>`, "-6"},
		{"decimal", `<minExclusive value="0.5"/>`, "1.5"},
		{"integer", `<pattern value="[1-9]\d{3}"/>`, "1000"},
		{"positiveInteger", ``, "1"},
		{"negativeInteger", ``, "-1"},
		{"boolean", ``, "false"},
		{"dateTime", `<maxInclusive value="9999-12-31T23:59:59"/>`, "0001-01-01T00:00:00"},
		{"dateTime", `<minInclusive value="2001-01-01T00:00:00Z"/>`, "2001-01-01T00:00:00Z"},
		{"NCName", `<pattern value="[A-Z]+"/>`, "A"},
		{"NMTOKEN", `<pattern value="\w+"/>`, "0"},
		{"NMTOKEN", `<minLength value="3"/>`, "---"},
		{"NCName", `<minLength value="3"/>`, "___"},
	}
	for _, tt := range tests {
		t.Run(tt.base+tt.facets, func(t *testing.T) {
			p := parameterOf(t, sequence(strings.Replace(simple(tt.facets), "string", tt.base, 1)), "O", "P")
			if want := "<m:P><m:a>" + tt.want + "</m:a></m:P>"; p.Empty != want {
				t.Errorf("got %q (%s), want %q", p.Empty, p.Trouble, want)
			}
		})
	}
}

// The mapping has no fields for a structure: only a text can come in its place.
func TestAStructureGoesWhereThereIsNoText(t *testing.T) {
	op, err := ParseWSDL([]byte(sequence(`<element name="a" type="int"/>`)), "O")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"": "<m:P><m:a>0</m:a></m:P>", "x": "<m:P>x</m:P>"} {
		if got := string(Envelope(V11, op, map[string]string{"P": value})); !strings.Contains(got, want) {
			t.Errorf("with the value %q: got %s, want %s in it", value, got, want)
		}
	}
}

func TestAParameterOfAnUnqualifiedSchemaHasNoNamespace(t *testing.T) {
	document := strings.Replace(sequence(`<element name="a" type="int" form="qualified"/>`), ` elementFormDefault="qualified"`, "", 1)
	document = strings.Replace(document, `<element name="P" type="t:T"/>`, `<element name="Q" type="string"/><element name="P" type="t:T"/>`, 1)
	op, err := ParseWSDL([]byte(document), "O")
	if err != nil {
		t.Fatal(err)
	}
	want := "<Q>1</Q><P><m:a>0</m:a></P>"
	if got := string(Envelope(V11, op, map[string]string{"Q": "1"})); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s in it", got, want)
	}
}
