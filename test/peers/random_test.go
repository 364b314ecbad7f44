package peers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRequestsFitTheSchemasOfRandomDescriptions: structures that nobody thought of. A seed that fails fails always.
func TestRequestsFitTheSchemasOfRandomDescriptions(t *testing.T) {
	peer(t, "xmllint")
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := readDescription(t, randomDescription(seed))
			validRequests(t, d, d.schema(t, t.TempDir()))
		})
	}
}

// author invents types. Each name occurs once, so that no content is ambiguous, and a type must have others in it only
// of those before it, so that none contains itself.
type author struct {
	*rand.Rand
	space  string   // "near:" or "far:"
	types  []string // complete, with their prefixes
	names  int
	schema strings.Builder
}

const randomTypes = 40 // in each of two schemas

func randomDescription(seed uint64) []byte {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 1))}
	far := a.typesOf("far:")
	near := a.typesOf("near:")
	var elements, messages, operations, bindings strings.Builder
	for i := range randomTypes {
		name := fmt.Sprint("Op", i)
		fmt.Fprintf(&elements, `<xs:element name="%s"><xs:complexType><xs:sequence><xs:element name="P" type="near:T%d"/><xs:element name="Q" type="far:T%d"/>`+
			"</xs:sequence></xs:complexType></xs:element>\n", name, i, i)
		fmt.Fprintf(&messages, `<message name="%sIn"><part name="parameters" element="tns:%s"/></message>`+"\n", name, name)
		fmt.Fprintf(&operations, `<operation name="%s"><input message="tns:%sIn"/></operation>`+"\n", name, name)
		fmt.Fprintf(&bindings, `<operation name="%s"><s:operation soapAction="urn:random#Random:%s"/></operation>`+"\n", name, name)
	}
	return []byte(`<definitions xmlns="` + nsWSDL + `" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:tns="urn:random" xmlns:near="urn:near" xmlns:far="urn:far"
	name="Random" targetNamespace="urn:random"><types>
` + a.form("far") + far + `</xs:schema>
` + a.form("near") + `<xs:import namespace="urn:far"/>` + near + `</xs:schema>
<xs:schema xmlns:xs="` + nsXSD + `" targetNamespace="urn:random" elementFormDefault="qualified">
<xs:import namespace="urn:near"/><xs:import namespace="urn:far"/>` + elements.String() + `</xs:schema></types>` + messages.String() +
		`<portType name="PT">` + operations.String() + `</portType><binding name="B" type="tns:PT">` + bindings.String() + `</binding>
<service name="Random"><port name="P" binding="tns:B"><s:address location="http://inside.invalid/"/></port></service></definitions>`)
}

func (a *author) form(name string) string {
	form := []string{"qualified", "unqualified"}
	return fmt.Sprintf(`<xs:schema xmlns:xs="%s" targetNamespace="urn:%s" elementFormDefault="%s" attributeFormDefault="%s">`,
		nsXSD, name, form[a.IntN(2)], form[a.IntN(2)])
}

func (a *author) typesOf(space string) string {
	a.space = space
	a.schema.Reset()
	bases := []string{}
	for i := range randomTypes {
		name := fmt.Sprint("T", i)
		switch {
		case a.IntN(4) == 0 && len(bases) > 0:
			fmt.Fprintf(&a.schema, `<xs:complexType name="%s"><xs:complexContent><xs:extension base="%s">%s%s</xs:extension></xs:complexContent></xs:complexType>`,
				name, bases[a.IntN(len(bases))], a.group(2), a.attributes())
			bases = append(bases, space+name)
		case a.IntN(6) == 0:
			fmt.Fprintf(&a.schema, `<xs:complexType name="%s"><xs:simpleContent><xs:extension base="%s">%s</xs:extension></xs:simpleContent></xs:complexType>`,
				name, a.simple(), a.attributes())
		case a.IntN(6) == 0:
			fmt.Fprintf(&a.schema, `<xs:complexType name="%s"><xs:all>%s%s</xs:all>%s</xs:complexType>`, name, a.element(1), a.element(1), a.attributes())
		default:
			fmt.Fprintf(&a.schema, `<xs:complexType name="%s">%s%s</xs:complexType>`, name, a.group(3), a.attributes())
			bases = append(bases, space+name)
		}
		a.schema.WriteString("\n")
		a.types = append(a.types, space+name)
	}
	return a.schema.String()
}

func (a *author) name() string {
	a.names++
	return fmt.Sprint([]string{"e", "Поле", "_"}[a.IntN(3)], a.names)
}

func (a *author) group(depth int) string {
	kind := []string{"sequence", "choice"}[a.IntN(2)]
	var inside strings.Builder
	for range 1 + a.IntN(3) {
		if depth > 0 && a.IntN(3) == 0 {
			inside.WriteString(a.group(depth - 1))
		} else {
			inside.WriteString(a.element(3))
		}
	}
	return fmt.Sprintf(`<xs:%s%s>%s</xs:%s>`, kind, a.occurs(3), inside.String(), kind)
}

func (a *author) occurs(most int) string {
	least := a.IntN(most)
	return fmt.Sprintf(` minOccurs="%d" maxOccurs="%d"`, least, max(1, least))
}

func (a *author) element(most int) string {
	head := fmt.Sprintf(`<xs:element name="%s"`, a.name())
	switch n := a.IntN(12); {
	case n < 2:
		return head + fmt.Sprintf(` type="%sT%d" minOccurs="0"/>`, a.space, a.IntN(randomTypes))
	case n < 3:
		return head + ` type="xs:int" nillable="true"` + a.occurs(most) + `/>`
	case n < 4:
		return head + ` type="xs:int" form="` + []string{"qualified", "unqualified"}[a.IntN(2)] + `" fixed="7"` + a.occurs(most) + `/>`
	case n < 7 && len(a.types) > 0:
		of := a.types[a.IntN(len(a.types))]
		return head + ` type="` + of + `"` + []string{"", ` nillable="true"`}[a.IntN(2)] + `/>`
	}
	return head + ` type="` + a.simple() + `"` + a.occurs(most) + `/>`
}

func (a *author) attributes() string {
	var all strings.Builder
	for range a.IntN(3) {
		fmt.Fprintf(&all, `<xs:attribute name="%s" type="%s" use="%s"/>`, a.name(), a.simple(), []string{"required", "optional"}[a.IntN(2)])
	}
	return all.String()
}

// simple invents a simple type with a few facets, or takes one that is there.
func (a *author) simple() string {
	facets := [][2]string{
		{"xs:string", ""}, {"xs:decimal", ""}, {"xs:boolean", ""}, {"xs:dateTime", ""}, {"xs:base64Binary", ""}, {"xs:duration", ""},
		{"xs:string", `<xs:minLength value="%d"/>`}, {"xs:string", `<xs:pattern value="[A-Я]{%d}-\d+(x|y)?"/>`}, {"xs:token", `<xs:enumeration value="v%d"/>`},
		{"xs:string", `<xs:pattern value="\w*"/><xs:length value="%d"/>`}, {"xs:NMTOKEN", `<xs:minLength value="%d"/>`},
		{"xs:int", `<xs:minInclusive value="%d"/>`}, {"xs:decimal", `<xs:maxExclusive value="-%d"/>`}, {"xs:long", `<xs:minExclusive value="%d"/>`},
		{"xs:positiveInteger", `<xs:totalDigits value="%d"/>`}, {"xs:date", `<xs:minInclusive value="200%d-01-01"/>`},
	}
	picked := facets[a.IntN(len(facets))]
	if picked[1] == "" {
		return picked[0]
	}
	name := a.name()
	fmt.Fprintf(&a.schema, `<xs:simpleType name="%s"><xs:restriction base="%s">`+picked[1]+"</xs:restriction></xs:simpleType>\n", name, picked[0], 1+a.IntN(9))
	if a.IntN(4) > 0 {
		return a.space + name
	}
	list := a.name()
	fmt.Fprintf(&a.schema, `<xs:simpleType name="%sL"><xs:list itemType="%s"/></xs:simpleType>`+"\n", list, a.space+name)
	fmt.Fprintf(&a.schema, `<xs:simpleType name="%s"><xs:restriction base="%s%sL"><xs:minLength value="%d"/></xs:restriction></xs:simpleType>`+"\n", list, a.space, list, a.IntN(3))
	return a.space + list
}
