// Package remedy says what to do where 1C cannot be reached or takes no call. It goes by the phrase that the reason begins
// with, and never by 1C's own words.
package remedy

import (
	"regexp"
	"strings"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// asked is what the adapter puts before a reason where it has read the description of the service.
var asked = regexp.MustCompile(`^read \S+: `)

// For is what to do about a reason.
func For(l lang.Lang, why string) string {
	why = asked.ReplaceAllString(why, "")
	if do, found := remedyIn(remedies, why); found {
		return l.Of(do)
	}
	return l.Say("Look into 1C's log of events: it says what went wrong", "Посмотрите журнал регистрации 1С: там сказано, что случилось")
}

// Of is what to do about a reason of a target that is a 1C, or none.
func Of(l lang.Lang, why string, webhook bool) string {
	if webhook {
		return ForReceiver(l, why)
	}
	return For(l, why)
}

// ForReceiver is what to do about a reason where the target is no 1C.
func ForReceiver(l lang.Lang, why string) string {
	if do, found := remedyIn(ofReceivers, why); found {
		return l.Of(do)
	}
	for _, phrase := range same {
		if strings.HasPrefix(why, phrase) {
			return For(l, why)
		}
	}
	return l.Say("Compare method, url and body of the target with what the receiver wants; its own log has more",
		"Сверьте method, url и body в файле targets с тем, что нужно получателю; подробности в его журнале")
}

func remedyIn(table []remedy, why string) (lang.Text, bool) {
	for _, r := range table {
		for _, phrase := range r.says {
			if strings.HasPrefix(why, phrase) {
				return r.do, true
			}
		}
	}
	return lang.Text{}, false
}

type remedy struct {
	says []string
	do   lang.Text
}

// same are the reasons for which a receiver and 1C need the same.
var same = []string{
	"the name of the server", "the server cannot be reached", "this port", "somebody answers at this address", "nobody here knows who has signed",
	"the certificate is for another name", "the receiver wants", "none of the statuses", "the target has no word", "a value of this event", "the call is too large", "not a call event",
}

// ofReceivers are the remedies where the target is no 1C.
var ofReceivers = []remedy{
	{[]string{"nobody listens"}, lang.Text{
		En: "Start the receiver on that machine, or correct the port in its url", Ru: "Запустите получателя на той машине или исправьте порт в его url"}},
	{[]string{"the certificate has expired"}, lang.Text{
		En: "The receiver has to renew its certificate; are the clocks of both machines right?", Ru: "Получателю нужно обновить сертификат; верны ли часы на обеих машинах?"}},
	{[]string{"no secure connection"}, lang.Text{
		En: "Does the receiver speak TLS 1.2 or 1.3? Older ones are refused", Ru: "Умеет ли получатель TLS 1.2 или 1.3? Более старые не принимаются"}},
	{[]string{"no answer in time", "the connection broke", "the call was broken off"}, lang.Text{
		En: "Is the receiver overloaded or hanging? Where it is always so slow: timeout: in the targets file",
		Ru: "Получатель перегружен или завис? Если он всегда такой медленный: timeout: в файле targets"}},
	{[]string{"the web server", "1C is not available behind", "an error of the web server"}, lang.Text{
		En: "The receiver's web server works, and the program behind it does not: is it running?", Ru: "Веб-сервер получателя работает, а программа за ним нет: запущена ли она?"}},
	{[]string{"a redirect"}, lang.Text{
		En: "Write the address that it points to into the target's url", Ru: "Укажите в url получателя адрес, на который идёт перенаправление"}},
	{[]string{"no web service is published"}, lang.Text{
		En: "Correct the target's url and method: the receiver knows no such address (404, 405, 410)", Ru: "Исправьте url и method получателя: такого адреса у него нет (404, 405, 410)"}},
	{[]string{"1C does not accept", "1C or its web server refuses"}, lang.Text{
		En: "Correct the key or the password in the target's headers, or its user; does the receiver let this machine's address in?",
		Ru: "Исправьте ключ или пароль в headers получателя или его пользователя; пускает ли получатель адрес этой машины?"}},
	{[]string{"a proxy stands between"}, lang.Text{
		En: "Callbus uses no proxy: write an address that leads to the receiver directly", Ru: "Callbus не ходит через прокси: укажите адрес, который ведёт прямо к получателю"}},
	{[]string{"too many calls", "1C is being updated"}, lang.Text{
		En: "Nothing: events are kept, and are sent again by themselves. Where it stays so: fewer sessions", Ru: "Ничего: события сохраняются и уйдут сами. Если это надолго, уменьшите sessions"}},
}

// remedies are asked in this order; each phrase is one of onecadapter.Meanings, or its beginning.
var remedies = []remedy{
	{[]string{"the name of the server"}, lang.Text{
		En: "Is the server's name spelled right, and does this machine's DNS know it? Try ping NAME, or write the address as numbers",
		Ru: "Верно ли написано имя сервера, и знает ли его DNS этой машины? Попробуйте ping ИМЯ или укажите адрес цифрами"}},
	{[]string{"nobody listens"}, lang.Text{
		En: "Start 1C's web server (Apache, IIS) on that machine, or correct the port in the URL",
		Ru: "Запустите на той машине веб-сервер 1С (Apache, IIS) или исправьте порт в адресе"}},
	{[]string{"the server cannot be reached"}, lang.Text{
		En: "No way to that machine: is it on, is the address right, does a firewall stand between (the port must be open from this machine)?",
		Ru: "До той машины нет связи: включена ли она, верен ли адрес, не закрыт ли порт брандмауэром?"}},
	{[]string{"this port speaks TLS"}, lang.Text{
		En: "Write https:// in place of http:// into the URL", Ru: "Напишите в адресе https:// вместо http://"}},
	{[]string{"this port does not speak TLS"}, lang.Text{
		En: "Write http:// in place of https:// into the URL, or correct the port", Ru: "Напишите в адресе http:// вместо https:// или исправьте порт"}},
	{[]string{"somebody answers at this address"}, lang.Text{
		En: "Some other program has this port: correct the port in the URL", Ru: "Этот порт занимает другая программа: исправьте порт в адресе"}},
	{[]string{"the certificate has expired"}, lang.Text{
		En: "Renew the certificate of 1C's web server; are the clocks of both machines right?",
		Ru: "Обновите сертификат веб-сервера 1С; верны ли часы на обеих машинах?"}},
	{[]string{"nobody here knows who has signed"}, lang.Text{
		En: "Give this machine the certificate of the authority (Linux: /usr/local/share/ca-certificates, then update-ca-certificates; Windows: trusted root certification authorities), or use http:// inside your network",
		Ru: "Добавьте на эту машину сертификат удостоверяющего центра (Linux: /usr/local/share/ca-certificates и update-ca-certificates; Windows: доверенные корневые центры сертификации) или внутри своей сети укажите http://"}},
	{[]string{"the certificate is for another name"}, lang.Text{
		En: "Write the name into the URL that the certificate is for", Ru: "Укажите в адресе то имя, на которое выдан сертификат"}},
	{[]string{"no secure connection"}, lang.Text{
		En: "Does 1C's web server speak TLS 1.2 or 1.3? Older ones are refused", Ru: "Умеет ли веб-сервер 1С TLS 1.2 или 1.3? Более старые не принимаются"}},
	{[]string{"no answer in time"}, lang.Text{
		En: "Is 1C overloaded or hanging? Open its URL?wsdl in a browser on this machine. Where it is always so slow: --onec-timeout, or timeout: in the targets file",
		Ru: "1С перегружена или зависла? Откройте на этой машине в браузере её адрес с ?wsdl. Если она всегда такая медленная: --onec-timeout или timeout: в файле targets"}},
	{[]string{"the connection broke", "the call was broken off"}, lang.Text{
		En: "The web server has closed the connection: look into its log of errors", Ru: "Веб-сервер оборвал соединение: смотрите его журнал ошибок"}},
	{[]string{"the web server has lost 1C", "the web server got no answer", "1C is not available behind", "an error of the web server"}, lang.Text{
		En: "The web server works, and 1C behind it does not: is the 1C server running? The web server's log of errors says more",
		Ru: "Веб-сервер работает, а 1С за ним нет: запущен ли сервер 1С? Подробности в журнале ошибок веб-сервера"}},
	{[]string{"a redirect"}, lang.Text{
		En: "Write the address that it points to into the URL, if it is 1C's", Ru: "Укажите в настройках адрес, на который перенаправляет веб-сервер, если это адрес 1С"}},
	{[]string{"no web service is published"}, lang.Text{
		En: "Publish the web service, or correct its name in the URL (…/BASE/ws/NAME.1cws). In an extension: publishExtensionsByDefault in default.vrd",
		Ru: "Опубликуйте веб-сервис или исправьте его имя в адресе (…/БАЗА/ws/ИМЯ.1cws). Если он в расширении: publishExtensionsByDefault в default.vrd"}},
	{[]string{"1C does not accept"}, lang.Text{
		En: "Correct the user, or the password in its file (UTF-8, one line): a running Callbus tries a changed password at once. May the user log in with a password of 1C's own?",
		Ru: "Исправьте пользователя или пароль в его файле (UTF-8, одна строка): работающий Callbus сам попробует новый пароль сразу. Включён ли у пользователя вход по паролю 1С?"}},
	{[]string{"1C or its web server refuses"}, lang.Text{
		En: "Give the user the right to use web services; does the web server let this machine's address in?",
		Ru: "Дайте пользователю право на веб-сервисы; пускает ли веб-сервер адрес этой машины?"}},
	{[]string{"the infobase is locked", "the 1C platform is being updated", "1C is being updated", "a lock in the database"}, lang.Text{
		En: "Wait until the work in 1C is over: events are kept, and go in by themselves", Ru: "Дождитесь конца работ в 1С: события сохраняются и уйдут сами"}},
	{[]string{"1C has no free licence"}, lang.Text{
		En: "Free a licence in 1C, or let Callbus use fewer sessions (--sessions)", Ru: "Освободите лицензию 1С или уменьшите число сеансов Callbus (--sessions)"}},
	{[]string{"1C had no free session", "1C has no session", "1C does not know the session", "too many calls"}, lang.Text{
		En: "Raise poolSize in default.vrd, or let Callbus use fewer sessions (--sessions)", Ru: "Увеличьте poolSize в default.vrd или уменьшите число сеансов Callbus (--sessions)"}},
	{[]string{"a proxy stands between"}, lang.Text{
		En: "Callbus uses no proxy: write an address that leads to 1C directly", Ru: "Callbus не ходит через прокси: укажите адрес, который ведёт прямо к 1С"}},
	{[]string{"a web page instead"}, lang.Text{
		En: "Not 1C's web service answers but a page: a login page, a portal, a proxy? The URL must end like …/BASE/ws/NAME.1cws",
		Ru: "Отвечает не веб-сервис 1С, а страница: вход, портал, прокси? Адрес должен заканчиваться на …/БАЗА/ws/ИМЯ.1cws"}},
	{[]string{"the service has no operation"}, lang.Text{
		En: "Name one of its operations (--onec-operation, or operation: in the targets file), or correct the URL: this may be another service",
		Ru: "Назовите одну из его операций (--onec-operation или operation: в файле targets) или исправьте адрес: возможно, это другой сервис"}},
	{[]string{"the operation "}, lang.Text{
		En: "Say in a targets file (--targets) what goes into which parameter; this one is a beginning:",
		Ru: "Опишите в файле targets (--targets), что передавать в какой параметр; вот заготовка:"}},
	{[]string{"the description of the service"}, lang.Text{
		En: "This is no web service of 1C, or one whose operation or parameters Callbus does not know: is the URL right? callbus init asks what goes where",
		Ru: "Это не веб-сервис 1С, или его операция либо параметры Callbus незнакомы: верен ли адрес? Что куда передавать, спросит callbus init"}},
	{[]string{"1C refused", "1C failed"}, lang.Text{
		En: "The code of 1C says this: its author mends it at the module and the line that the text names; 1C's log of events has more",
		Ru: "Это ответил код 1С: его автор найдёт ошибку по модулю и строке из текста; подробности в журнале регистрации 1С"}},
	{[]string{"the receiver refuses the event", "the receiver failed"}, lang.Text{
		En: "The receiver says so: compare method, url and body of the target with what it wants; its own log has more",
		Ru: "Так ответил получатель: сверьте method, url и body в файле targets с тем, что ему нужно; подробности в его журнале"}},
	{[]string{"none of the statuses"}, lang.Text{
		En: "If this status means that the event was taken, name it in expect: of the targets file",
		Ru: "Если такой статус означает, что событие принято, назовите его в expect: в файле targets"}},
	{[]string{"the receiver wants to be asked again"}, lang.Text{
		En: "Nothing: events are kept, and are sent again by themselves", Ru: "Ничего: события сохраняются и уйдут сами"}},
	{[]string{"the target has no word"}, lang.Text{
		En: "Name the event in events: of the targets file, if the target is to get such events", Ru: "Если получателю нужны такие события, назовите их в events: в файле targets"}},
	{[]string{"a value of this event would lead"}, lang.Text{
		En: "Drop it: a phone has sent a dot or two in place of a number or a name", Ru: "Удалите: вместо номера или имени телефон прислал одну или две точки"}},
	{[]string{"the call is too large"}, lang.Text{
		En: "Raise the limit of the web server for a request's body", Ru: "Увеличьте предел размера запроса на веб-сервере"}},
	{[]string{"not a call event"}, lang.Text{
		En: "A foreign program has put this into the stream of calls: drop it", Ru: "Это положила в поток звонков чужая программа: удалите"}},
	{[]string{"not an answer of 1C"}, lang.Text{
		En: "Something else answers in the place of 1C: is the URL right?", Ru: "Вместо 1С отвечает что-то другое: верен ли адрес?"}},
}
