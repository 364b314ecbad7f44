package doctor

import "strings"

// cure is what to do where 1C takes nothing for one of these reasons.
type cure struct {
	says   []string // phrases of onecadapter.Meanings, whichever stands in the reason
	en, ru string
}

// cures are asked in this order: a reason may repeat what 1C's page says.
var cures = []cure{
	{[]string{"does not accept the user or the password"},
		"Write the right password into its file: a changed one is tried at once. A wrong user is mended in the settings, and wants a restart of Callbus",
		"Исправьте пароль в его файле: Callbus заметит это сам и сразу попробует. Если неверен пользователь, исправьте его в настройках и перезапустите Callbus"},
	{[]string{"nobody listens", "name of the server", "server cannot be reached", "has lost 1C", "got no answer of 1C", "not available behind"},
		"Are 1C and its web server running, and is the address right? Open URL?wsdl of 1C in a browser on this machine. A mended URL is read at a restart of Callbus",
		"Работают ли 1С и её веб-сервер, верен ли адрес? Откройте на этой машине в браузере URL 1С с ?wsdl. Исправленный URL Callbus прочтёт при перезапуске"},
	{[]string{"no secure connection"},
		"This machine does not trust the certificate of 1C's web server, or it has expired: mend it, or use http:// inside your network",
		"Эта машина не доверяет сертификату веб-сервера 1С, или он истёк: исправьте сертификат или внутри своей сети укажите http://"},
	{[]string{"refuses access"},
		"Give the 1C user the right to use web services; look whether the web server lets this machine's address in",
		"Дайте пользователю 1С право на веб-сервисы; проверьте, пускает ли веб-сервер адрес этой машины"},
	{[]string{"no web service is published"},
		"Publish the web service on the web server of 1C, or mend its name in the URL and restart Callbus",
		"Опубликуйте веб-сервис на веб-сервере 1С или исправьте его имя в URL и перезапустите Callbus"},
	{[]string{"a redirect", "a web page instead", "a proxy stands"},
		"Somebody else answers at this URL: is it https:// instead of http://, a login page, a proxy? Mend the URL and restart Callbus",
		"По этому URL отвечает не 1С: может быть, нужен https:// вместо http://, или там страница входа или прокси. Исправьте URL и перезапустите Callbus"},
	{[]string{"the description of the service"},
		"The web service lacks the operation, or has parameters that Callbus does not know. The log of Callbus says which; callbus init asks what goes where",
		"В веб-сервисе нет нужной операции, или её параметры Callbus незнакомы. Какие именно, сказано в журнале Callbus; callbus init спросит, что куда передавать"},
	{[]string{"no free licence", "no free session", "too many calls"},
		"Free licences or sessions in 1C, or let Callbus use fewer: --sessions",
		"Освободите в 1С лицензии или сеансы или уменьшите их число для Callbus: --sessions"},
	{[]string{"does not know the session"},
		"If it does not pass by itself, restart Callbus, and look at reuseSessions in the publication (default.vrd)",
		"Если само не пройдёт, перезапустите Callbus и проверьте reuseSessions в публикации (default.vrd)"},
	{[]string{"locked for maintenance", "being updated", "a lock in the database"},
		"Wait until the work in 1C is over", "Дождитесь конца работ в 1С"},
	{[]string{"no answer in time", "broke in mid-call"},
		"Is 1C overloaded or hanging? Restart the web service's sessions in 1C",
		"1С перегружена или зависла? Перезапустите в 1С сеансы веб-сервиса"},
}

// cure is what to do about a reason.
func (x exam) cure(why string) string {
	for _, c := range cures {
		for _, phrase := range c.says {
			if strings.Contains(why, phrase) {
				return x.Say(c.en, c.ru)
			}
		}
	}
	return x.Say("Look into 1C: its log of events (журнал регистрации) says what went wrong", "Смотрите журнал регистрации 1С: там сказано, что случилось")
}
