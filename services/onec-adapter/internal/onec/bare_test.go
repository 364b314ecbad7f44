package onec_test

import (
	"strings"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
)

// Bug: "parameters: {}" was suggested for an operation without parameters, and not taken.
func TestAnOperationWithoutParametersIsCalledWhereThatWasChosen(t *testing.T) {
	server, posted := publication(t, wsdl(""))
	client := newClient(t, onec.Config{URL: server.URL, Parameters: map[string]string{}})
	if _, err := client.Call(t.Context(), ring()); err != nil {
		t.Fatal(err)
	}
	if body := <-posted; !strings.Contains(body, "></m:TelData></soap:Body>") {
		t.Errorf("1C got\n%s", body)
	}
}
