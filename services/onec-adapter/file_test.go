package onecadapter

import "testing"

// Bug: the file said "parameters: {parameters: {}}".
func TestAFileForAnOperationWithoutParametersHasAnEmptyTable(t *testing.T) {
	target := Target{Name: "main", URL: "http://server/ws", Sessions: 2}
	const want = `targets: [{name: main, url: "http://server/ws", sessions: 2, parameters: {}}]`
	if got := target.file("parameters: {}  # the operation has none\n"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
