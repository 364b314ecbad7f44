// Package reason says in the operator's language why an event has not reached 1C. The adapter speaks English, in its log
// and in what it stores; 1C's own words stay as they are.
package reason

import (
	"regexp"
	"strings"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// dialled is what Go says of a connection that was not made: only the address is of use, the rest stands in our own words before it.
var dialled = regexp.MustCompile(`(nobody listens at this address|the server cannot be reached|no answer in time): (?:(?:Get|Post|Put|Patch) "[^"]*": )?dial tcp ([^ ]+:\d+): .*$`)

// In is a reason of the adapter's in a language.
func In(l lang.Lang, why string) string {
	why = dialled.ReplaceAllString(why, "$1 ($2)")
	if l != lang.Russian {
		return why
	}
	return russian.Replace(why)
}

// Of is a reason of a target that is a 1C, or none.
func Of(l lang.Lang, why string, webhook bool) string {
	if webhook {
		return OfReceiver(l, why)
	}
	return In(l, why)
}

// Webhook reports whether what was told was told to a receiver that is no 1C's web service.
func Webhook(sent string) bool { return request.MatchString(sent) }

var request = regexp.MustCompile(`^[A-Z]+ https?://`)

// OfReceiver is a reason where the target is no 1C. The adapter goes by the status alone, and says of it what it would mean of 1C.
func OfReceiver(l lang.Lang, why string) string { return In(l, receiver.Replace(why)) }

var receiver = strings.NewReplacer(
	"1C does not accept the user or the password", "the receiver does not accept the user, the password or the key",
	"1C or its web server refuses access; rights of the user, or the address is not allowed", "the receiver refuses access",
	"no web service is published at this URL any more", "the receiver has nothing at this URL any more",
	"no web service is published at this URL", "the receiver has nothing at this URL",
	"the web server has lost 1C behind it", "the receiver's web server has lost the program behind it",
	"the web server got no answer of 1C in time", "the receiver's web server got no answer in time",
	"1C is not available behind the web server", "the receiver is not available behind its web server",
	"1C had no free session in time", "the receiver cannot answer so",
	"1C is being updated", "the receiver sees a conflict",
	"not an answer of 1C", "not an answer that was expected",
	"; 1C may have processed the call", "; the receiver may have processed it",
)

// Sent is what a target was told, in a language. All but two words are values.
func Sent(l lang.Lang, sent string) string {
	return l.Say(sent, strings.NewReplacer("body: the whole event", "тело: событие целиком", ": the whole event", ": событие целиком").Replace(sent))
}

// russian has a phrase for each of onecadapter.Meanings. Of two phrases of which one begins with the other the longer
// stands first.
var russian = strings.NewReplacer(
	"read http", "чтение http",
	"this port speaks TLS: the URL must begin with https://", "на этом порту TLS: адрес должен начинаться с https://",
	"this port does not speak TLS: must the URL begin with http://", "на этом порту нет TLS: может быть, адрес должен начинаться с http://",
	"somebody answers at this address, and does not speak HTTP", "по этому адресу отвечают, но не по HTTP",
	"the certificate has expired, or is not valid yet", "сертификат истёк или ещё не действует",
	"nobody here knows who has signed the certificate", "кто подписал сертификат, этой машине неизвестно",
	"the certificate is for another name", "сертификат выдан на другое имя",
	"dropped by an operator: ", "удалено оператором: ",
	"nobody listens at this address", "по этому адресу никто не отвечает",
	"the name of the server cannot be found", "имя сервера не найдено",
	"no secure connection", "защищённое соединение не удалось",
	"the server cannot be reached", "сервер недоступен",
	"the description of the service", "описание сервиса не подходит",
	"no answer in time", "нет ответа за отведённое время",
	"the call was broken off on our side", "вызов прерван с нашей стороны",
	"the connection broke in mid-call", "соединение оборвалось посреди вызова",
	"the infobase is locked for maintenance", "база заблокирована для обслуживания",
	"1C has no free licence", "в 1С нет свободной лицензии",
	"1C does not know the session", "1С не знает этого сеанса",
	"the 1C platform is being updated", "платформа 1С обновляется",
	"a lock in the database of 1C", "блокировка в базе данных 1С",
	"the web server has lost 1C behind it", "веб-сервер потерял связь с 1С",
	"the web server got no answer of 1C in time", "веб-сервер не дождался ответа 1С",
	"1C is not available behind the web server", "1С за веб-сервером недоступна",
	"a redirect, which is not followed; is the URL right", "перенаправление; по нему Callbus не идёт, верен ли адрес",
	"1C does not accept the user or the password", "1С не принимает пользователя или пароль",
	"1C or its web server refuses access; rights of the user, or the address is not allowed",
	"1С или её веб-сервер не пускает: права пользователя или запрещённый адрес",
	"no web service is published at this URL any more", "по этому адресу веб-сервис больше не опубликован",
	"no web service is published at this URL", "по этому адресу веб-сервис не опубликован",
	"a proxy stands between and wants a password", "на пути прокси-сервер, и он требует пароль",
	"1C had no free session in time", "в 1С вовремя не нашлось свободного сеанса",
	"1C is being updated", "1С обновляется",
	"too many calls for the web server", "слишком много вызовов для веб-сервера",
	"an error of the web server", "ошибка веб-сервера",
	"1C refused", "1С отказала",
	"a web page instead of an answer", "вместо ответа пришла веб-страница",
	"1C failed", "сбой в 1С",
	"the call is too large for the web server", "вызов слишком велик для веб-сервера",
	"not an answer of 1C", "ответ не похож на ответ 1С",
	"the receiver does not accept the user, the password or the key", "получатель не принимает пользователя, пароль или ключ",
	"the receiver refuses access", "получатель не пускает",
	"the receiver has nothing at this URL any more", "по этому адресу у получателя больше ничего нет",
	"the receiver has nothing at this URL", "по этому адресу у получателя ничего нет",
	"the receiver's web server has lost the program behind it", "веб-сервер получателя потерял связь с программой за ним",
	"the receiver's web server got no answer in time", "веб-сервер получателя не дождался ответа",
	"the receiver is not available behind its web server", "получатель за своим веб-сервером недоступен",
	"the receiver cannot answer so", "получатель не может ответить в нужном виде",
	"the receiver sees a conflict", "получатель сообщает о конфликте",
	"not an answer that was expected", "ответ не из ожидаемых",
	"; the receiver may have processed it", "; возможно, получатель его обработал",
	"the receiver wants to be asked again", "получатель просит повторить позже",
	"the receiver refuses the event", "получатель отверг событие",
	"the receiver failed", "сбой у получателя",
	"none of the statuses that were expected", "статус ответа не из ожидаемых",
	"; 1C may have processed the call", "; возможно, 1С вызов обработала",
	"; the events of others are taken", "; события других линий принимаются",
	"the call was broken off: the event may be with another adapter by now",
	"вызов прерван: событие, возможно, уже у другого адаптера",

	", SOAP Fault)", ", ошибка SOAP)",
	", 1C exception)", ", исключение 1С)",
	", HTML page)", ", страница HTML)",
	", empty answer)", ", пустой ответ)",
	", unknown answer)", ", непонятный ответ)",
	", return value)", ", значение операции)",

	"not for this target: event", "не для этого получателя: событие",
	"not for this target: site", "не для этого получателя: филиал",
	"not for this target: line", "не для этого получателя: линия",
	"not for this target: source", "не для этого получателя: источник",
	"the target has no word for this event", "у получателя такого события нет",
	"a value of this event would lead the URL to another place", "значение из этого события увело бы адрес в другое место",
	"the end of this line's call was told already", "о завершении звонка на этой линии 1С уже знает",
	"its ring was stale", "начало этого звонка пропущено как устаревшее",
	"stale: older than ", "устарело: старше ",
	"not a call event", "это не событие звонка",

	"the service has no operation ", "в сервисе нет операции ",
	", nor any other", ", и никакой другой тоже",
	"; it has ", "; есть ",
)
