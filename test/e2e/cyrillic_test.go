package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// A 1C as one may be: Cyrillic names down to the address, objects and Out parameters in the service, one licence, a mark in front
// of each answer, and an exception with megabytes of stack before the first call goes through.
func TestA1CThatIsAllCyrillicAndFullOfCornersGetsTheCall(t *testing.T) {
	t.Parallel()
	contact := []onectest.Parameter{{Name: "Имя", Type: "xs:string"}}
	onec := standin(t, onectest.Options{
		Path: "/управление торговлей/ws/Телефония.1cws", Namespace: "наша телефония", Service: "Телефония", Operation: "Звонок",
		Parameters: []string{"НомерСобытия", "НомерСип", "МойНомер"},
		Further: []onectest.Parameter{
			{Name: "Контакт", Type: "tns:Контакт", Fields: contact, Nillable: true},
			{Name: "Описание", Type: "xs:string"},
			{Name: "Ответ", Type: "xs:string", Out: true},
		},
		User: "Телефония", BOM: true, Licences: 1, Publication: onectest.Publication{Reuse: onectest.Use},
		Behaviour: onectest.First(1, onectest.Heavy("Деление на 0", 3<<20)),
	})
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{
		URL: onec.URL(), User: "Телефония", Operation: "Звонок", Sessions: 4,
		Parameters: map[string]string{"НомерСобытия": "event", "НомерСип": "remote", "МойНомер": "line", "Описание": "=от Callbus & Ко"},
	})
	for _, event := range []int{1, 2, 4} {
		rig.Accepted(t, in.Phones, rig.CheckPhone(event, "74951234567", "101"))
	}
	want := []string{"1 74951234567 101", "2 74951234567 101", "4 74951234567 101"}
	if diff := cmp.Diff(want, called(t, onec, len(want))); diff != "" {
		t.Errorf("the calls differ (-want +got):\n%s", diff)
	}
	rig.Claim(t, "the envelope", string(onec.Calls()[0].Raw), `<m:Контакт xsi:nil="true"/>`, "<m:Описание>от Callbus &amp; Ко</m:Описание>")
	if s := onec.Sessions(); s.MostAlive != 1 || s.Logins != 1 {
		t.Errorf("sessions %+v, want one for everything", s)
	}
}
