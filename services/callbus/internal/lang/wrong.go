package lang

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"
)

// Wrong says what is wrong with a command's flags or files. The parts of the program that an error has come through are left
// out: they say nothing to an operator.
func (l Lang) Wrong(err error) string {
	text := chain.ReplaceAllString(err.Error(), "")
	if l != Russian {
		return text
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		text = strings.Replace(text, file.Error(), unusable(file), 1)
	}
	for _, m := range mistakes {
		text = m.en.ReplaceAllString(text, m.ru)
	}
	return text
}

var chain = regexp.MustCompile(`(?m)^(start [a-z]+: )+`)

// unusable says in Russian why a file or folder cannot be used. The system's own words are those of its language.
func unusable(e *fs.PathError) string {
	switch {
	case errors.Is(e, fs.ErrNotExist):
		return "нет файла " + e.Path
	case errors.Is(e, fs.ErrPermission):
		return "нет прав на " + e.Path
	}
	return e.Path + ": " + e.Err.Error()
}

// mistakes are the words of the flag package, of our settings and of our services for what cannot be read or does not fit.
var mistakes = []struct {
	en *regexp.Regexp
	ru string
}{
	{regexp.MustCompile(`^flag provided but not defined: `), "нет такого флага: "},
	{regexp.MustCompile(`^flag needs an argument: (\S+)$`), "после флага $1 нужно значение"},
	{regexp.MustCompile(`^bad flag syntax: `), "флаг написан неправильно: "},
	{regexp.MustCompile(`^invalid (?:boolean )?value (".*?") for (?:flag )?(-\S+):`), "значение $1 флага $2 не подходит:"},
	{regexp.MustCompile(`^unexpected argument: `), "лишнее слово: "},
	{regexp.MustCompile(`^((?:нет такого флага:|после флага|значение ".*?" флага) )-([a-z0-9][a-z0-9-]+)`), "$1--$2"}, // as the documents have them
	{regexp.MustCompile(`: parse error$`), ": не удалось прочитать"},
	{regexp.MustCompile(`value out of range$`), "число слишком велико"},
	{regexp.MustCompile(`\bwant ru or en$`), "нужно ru или en"},
	{regexp.MustCompile(`\bwant a time such as `), "нужно время, например "},
	{regexp.MustCompile(`90m, 24h or 7d$`), "90m, 24h или 7d"},
	{regexp.MustCompile(`\bwant a point in time such as 3h or 7d \(ago\), 03:00 \(today\) or `), "нужен момент времени, например 3h или 7d (назад), 03:00 (сегодня) или "},
	{regexp.MustCompile(`\bunknown setting (".*?"); known are `), "неизвестная настройка $1; есть такие: "},
	{regexp.MustCompile(`\bline (\d+): `), "строка $1: "},
	{regexp.MustCompile(`(\S+) is given twice$`), "$1 задано дважды"},

	// files
	{regexp.MustCompile(`\bread the secret: `), ""},
	{regexp.MustCompile(`\bis not UTF-8(: save it as UTF-8)?`), "сохранён не в UTF-8: сохраните его в UTF-8 (Блокнот: «Сохранить как», «Кодировка»)"},
	{regexp.MustCompile(`: is empty`), ": файл пуст"},
	{regexp.MustCompile(`: holds no secret$`), ": секрета в файле нет"},
	{regexp.MustCompile(`\bis larger than `), "больше, чем "},
	{regexp.MustCompile(`\bthere is no token in it$`), "токена в файле нет"},
	{regexp.MustCompile(`\bthe secret is not 32 bytes in base64url \(43 characters\)`), "это не секрет из callbus token new (32 байта в base64url, 43 знака)"},
	{regexp.MustCompile(`\bwant one line with (\d+) to (\d+) of A-Z a-z 0-9 _ \. -`), "нужна одна строка, от $1 до $2 знаков из A-Z a-z 0-9 _ . -"},
	{regexp.MustCompile(`\bunknown key (".*?")`), "неизвестный ключ $1"},
	{regexp.MustCompile(`\bwant lines of the form name: value`), "нужны строки вида имя: значение"},
	{regexp.MustCompile(`(\S+) takes one plain value`), "у $1 одно простое значение"},
	{regexp.MustCompile(`(\S+) has no value; write "" for an empty one, or take the line out`), `у $1 нет значения; напишите "", если оно пустое, или уберите строку`},
	{regexp.MustCompile(`\ba second document begins here; only one is allowed`), "здесь начинается второй документ YAML, а нужен один"},
	{regexp.MustCompile(`\bnot a size: write a whole number with KiB, MiB, GiB or TiB, as in 512MiB`), "это не размер: нужно целое число и KiB, MiB, GiB или TiB, например 512MiB"},
	{regexp.MustCompile(`^targets in `), "--targets: "},
	{regexp.MustCompile(`^targets: `), "--targets: "},
	{regexp.MustCompile(`\bunknown column (\S+); known are `), "неизвестный столбец $1; есть такие: "},
	{regexp.MustCompile(`\bthere is no column id; the first line names the columns`), "нет столбца id; столбцы называет первая строка"},

	// settings that do not go together
	{regexp.MustCompile(`--targets and --onec-url exclude each other`), "нужно что-то одно: --targets или --onec-url (в callbus.yaml: targets, onec-url)"},
	{regexp.MustCompile(`(\S+) and (\S+) exclude each other`), "нужно что-то одно: $1 или $2"},
	{regexp.MustCompile(`--token-optional belongs to --token-secret or --shared-token-file: without them any token will do`), "--token-optional нужен только вместе с --token-secret или --shared-token-file"},
	{regexp.MustCompile(`--phones belongs to --token-secret: it binds the tokens that are made with it`), "--phones нужен только вместе с --token-secret"},
	{regexp.MustCompile(`--rate-limit: a number of hits a second, or 0 for no limit`), "--rate-limit: нужно число обращений в секунду, 0 — без ограничения"},
	{regexp.MustCompile(`--https needs a certificate: --tls-cert FILE and --tls-key FILE`), "для --https нужен сертификат: --tls-cert ФАЙЛ и --tls-key ФАЙЛ"},
	{regexp.MustCompile(`--tls-cert and --tls-key belong to --https`), "--tls-cert и --tls-key нужны только вместе с --https"},
	{regexp.MustCompile(`--hub-creds and --hub-ca belong to --hub`), "--hub-creds и --hub-ca нужны только вместе с --hub"},
	{regexp.MustCompile(`--hub needs --site: the hub tells this branch's lines from others' by it`), "для --hub нужен --site: по нему центр отличает линии филиалов"},
	{regexp.MustCompile(`--hub: the hub would take the demo for calls`), "--hub: центр принял бы пробные звонки за настоящие"},
	{regexp.MustCompile(`(\S+) is no network: want 192\.168\.10\.0/24 or an address`), "$1 не сеть: нужно 192.168.10.0/24 или адрес"},
	{regexp.MustCompile(`(\S+) is not a region: give two letters of ISO 3166-1, such as RU or KZ`), "$1 не страна: нужны две латинские буквы, например RU или KZ"},

	// targets
	{regexp.MustCompile(`: there are none$`), ": получателей в файле нет"},
	{regexp.MustCompile(`^target "([^"]*)": `), "получатель $1: "},
	{regexp.MustCompile(`: the name is there twice`), ": такое имя уже есть"},
	{regexp.MustCompile(`^target name (".*?"): want `), "имя получателя $1: нужно от "},
	{regexp.MustCompile(`: password: `), ": пароль: "},
	{regexp.MustCompile(`: has no url$`), ": не задан url"},
	{regexp.MustCompile(`\bfresh_for is negative`), "fresh_for меньше нуля"},
	{regexp.MustCompile(`(\S+) is for protocol (\S+) only`), "$1 бывает только у protocol: $2"},
	{regexp.MustCompile(`\bthe URL of 1C cannot be read; want `), "адрес 1С (url, --onec-url) не разобрать; нужен вида "},
	{regexp.MustCompile(`\bthe URL of 1C must not hold a user or a password, because URLs go into logs; .*`), "адрес 1С (url, --onec-url): уберите из него пользователя и пароль, адреса попадают в журнал; для них есть user и password_file (--onec-user и --onec-password-file)"},
	{regexp.MustCompile(`\bthe URL of 1C must begin with http:// or https:// and name a server; want `), "адрес 1С (url, --onec-url) должен начинаться с http:// или https:// и называть сервер: "},
	{regexp.MustCompile(`\burl: it cannot be read; want `), "url: не разобрать; нужен вида "},
	{regexp.MustCompile(`\burl: it must begin with http:// or https:// and name a server; want `), "url: должен начинаться с http:// или https:// и называть сервер: "},
	{regexp.MustCompile(`\bthe user (".*?") has a colon, which Basic authentication cannot carry`), "пользователь $1: с двоеточием в имени по HTTP не войти"},
	{regexp.MustCompile(`\bevents: there is no event (".*?") of a call; there are `), "events: нет события $1; есть: "},
	{regexp.MustCompile(`\bwant (\d+) to (\d+)$`), "нужно от $1 до $2"},
	{regexp.MustCompile(`\bwant (\S+) to (\S+)$`), "нужно от $1 до $2"},
	{regexp.MustCompile(`\bunknown field (\S+); there are `), "нет поля $1; есть: "},
	{regexp.MustCompile(`\bwant (soap|beginning) or (http|now)$`), "нужно $1 или $2"},
	{regexp.MustCompile(`\bwant auto, header or none$`), "нужно auto, header или none"},
	{regexp.MustCompile(`\bwant one of `), "нужно одно из: "},
}
