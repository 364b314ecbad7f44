package lang

import "github.com/callbus/callbus/internal/call"

// Event is the word for an event. In English it is the one of the wire, which scripts and taps use.
func (l Lang) Event(e call.EventType) string {
	if ru, ok := events[e]; ok {
		return l.Say(string(e), ru)
	}
	return string(e)
}

var events = map[call.EventType]string{
	call.Incoming: "входящий", call.Outgoing: "исходящий", call.Answered: "ответ", call.Ended: "завершён", call.Missed: "пропущен",
	call.Rejected: "отклонён", call.Held: "удержание", call.Resumed: "снят с удержания", call.Transferred: "переведён",
	call.Registered: "телефон зарегистрирован", call.Unregistered: "регистрация снята", call.RegisterFailed: "регистрация не удалась",
	call.DNDOn: "«не беспокоить» включено", call.DNDOff: "«не беспокоить» выключено",
	call.ForwardOn: "переадресация включена", call.ForwardOff: "переадресация выключена", call.Boot: "телефон включился",
}
