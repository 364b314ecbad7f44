package doctor

import "strings"

// theHub is what /targets of a branch calls its hub.
const theHub = "the hub"

// hub looks whether a branch gets rid of its calls. They are kept, so that it is no fault: 1C gets them late.
func (x exam) hub(why string, away bool) []Finding {
	waits := x.Hub != nil && !x.Hub.Oldest.IsZero()
	late := waits && x.Now.Sub(x.Hub.Oldest) > waitsLong
	if !away && !late {
		return nil
	}
	f := Finding{ID: "hub-away", Level: Warning}
	why, _, _ = strings.Cut(why, ";")
	if away {
		f.What = x.Sayf("The hub takes no calls: %s", "Центр не принимает звонки: %s", x.probe(why))
		f.Do = x.Say("Nothing is lost while the store has room, they are forwarded once this is mended. Is the line to the hub up, and its NATS? See hub.away and part=hub in the log of ingest",
			"Пока в хранилище есть место, ничего не потеряно: звонки уйдут, когда это исправят. Есть ли связь с центром, работает ли там NATS? Смотрите в журнале ingest строки hub.away и part=hub")
	} else {
		f.ID = "hub-backlog"
		f.What = x.Say("Calls wait for the hub, and nobody says that it is away", "Звонки ждут отправки в центр, хотя о его недоступности никто не сообщает")
		f.Do = x.Say("Does the ingest of this branch run with --hub? If there is no hub any more: callbus targets forget hub, or the store fills up",
			"Запущен ли ingest этого филиала с --hub? Если центра больше нет: callbus targets forget hub, иначе хранилище заполнится")
	}
	if waits {
		f.What += x.Sayf(". %d wait, the oldest for %s", ". Ждут: %d, самый старый — %s", x.Hub.Waiting, x.span(x.Now.Sub(x.Hub.Oldest)))
	}
	return []Finding{f}
}
