package onec_test

import (
	"strings"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
)

const (
	three   = `<xs:element name="Nomer_Sobitia" type="xs:int"/><xs:element name="Nomer_sip" type="xs:string"/><xs:element name="moi_nomer" type="xs:string"/>`
	contact = `<xs:element name="Контакт"><xs:complexType><xs:sequence>` +
		`<xs:element name="Имя" type="xs:string"/><xs:element name="Скидка" type="xs:decimal"/></xs:sequence></xs:complexType></xs:element>`
)

func TestAStructureThatMustBeThereGoesEmpty(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"nothing said": nil,
		"said to be empty": {
			"Nomer_Sobitia": "event", "Nomer_sip": "remote", "moi_nomer": "line", "Контакт": "=",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, posted := publication(t, wsdl(three+contact))
			client := newClient(t, onec.Config{URL: server.URL, Parameters: parameters})
			plan, err := client.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Join(plan.Lines(), "\n"); !strings.Contains(lines, "\n  Контакт       ← an empty structure") {
				t.Errorf("the plan does not say that the structure is empty:\n%s", lines)
			}
			if _, err := client.Call(t.Context(), ring()); err != nil {
				t.Fatal(err)
			}
			if body := <-posted; !strings.Contains(body, "<m:Контакт><m:Имя></m:Имя><m:Скидка>0</m:Скидка></m:Контакт>") {
				t.Errorf("1C got\n%s", body)
			}
		})
	}
}

func TestAStructureThatCannotBeEmptyIsAReason(t *testing.T) {
	elsewhere := strings.Replace(contact, `type="xs:decimal"`, `type="tns:Object"`, 1)
	server, _ := publication(t, wsdl(three+elsewhere))
	_, err := newClient(t, onec.Config{URL: server.URL}).Describe(t.Context())
	want := "has no value for (Контакт: Скидка: its type tns:Object is not declared in the WSDL)"
	if f := failure(t, err); f.Label != "description" || !strings.Contains(err.Error(), want) {
		t.Errorf("got %s: %v\nwant a description error with %q", f.Label, err, want)
	}
}
