package doctor

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
)

// mostRefused is how many phones are named of those with one and the same trouble.
const mostRefused = 10

// refusal is what is the matter with hits that were not let in, or made no sense.
type refusal struct {
	id, addr, mac, reason string
	trial                 bool // callbus send, or who says that he is
}

// door looks at the hits that were refused: one finding for each trouble, phone and reason.
func (x exam) door() (all []Finding) {
	hits := map[refusal][]stream.Rejection{}
	for _, r := range x.Rejected {
		if r.Time.Before(x.Since) {
			continue
		}
		k := refusal{id: troubleOf(r), addr: r.Addr, mac: macOf(r), trial: r.UserAgent == call.Trial}
		if k.id == "hits-unusable" {
			k.reason = r.Reason
		}
		hits[k] = append(hits[k], r)
	}
	type group struct {
		id    string
		level Level
	}
	named := map[group]int{}
	for _, k := range slices.SortedFunc(maps.Keys(hits), func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(len(hits[b]), len(hits[a])), cmp.Compare(a.addr, b.addr), cmp.Compare(a.mac, b.mac), cmp.Compare(a.reason, b.reason))
	}) {
		f := x.refused(k, hits[k][len(hits[k])-1], len(hits[k]))
		if since := x.mended(k, hits[k]); !since.IsZero() {
			f = x.past(f, since)
		} else {
			f.Do = and(f.Do, x.Say("Mended already? callbus doctor --since 10m looks at the last minutes only",
				"Уже исправили? callbus doctor --since 10m смотрит только последние минуты"))
		}
		g := group{f.ID, f.Level} // what is mended takes no room from what is not
		if named[g]++; named[g] <= mostRefused {
			all = append(all, f)
		}
	}
	return all
}

// troubleOf names a refusal by its status, and by the words of the door (services/ingest/internal/access).
func troubleOf(r stream.Rejection) string {
	switch {
	case r.Status == http.StatusUnauthorized:
		return "token-missing"
	case r.Status == http.StatusForbidden && strings.Contains(r.Reason, "this address is not allowed"):
		return "address-refused"
	case r.Status == http.StatusForbidden && strings.Contains(r.Reason, "wrong token"):
		return "token-wrong"
	case r.Status == http.StatusForbidden:
		return "token-foreign"
	case r.Status == http.StatusTooManyRequests:
		return "too-many-hits"
	}
	return "hits-unusable"
}

func (x exam) refused(k refusal, last stream.Rejection, n int) Finding {
	f := Finding{ID: k.id, Level: Fault, Addr: k.addr, MAC: k.mac}
	tail := x.Sayf("hits %d, the last %s ago", "обращений %d, последнее %s назад", n, x.span(x.Now.Sub(last.Time)))
	who := x.whoIs(k, last)
	switch k.id {
	case "token-missing":
		f.What = x.Sayf("%s sends hits without a token, and is refused (401): %s", "%s обращается без токена и получает 401: %s", who, tail)
		f.Do = x.Sayf("Put /p/TOKEN between port and path of every URL of that phone. %s. Or serve it without: --token-optional",
			"Вставьте /p/ТОКЕН между портом и путём во все URL телефона. %s. Или пускайте без токена: --token-optional", x.token(k))
	case "token-wrong":
		f.What = x.Sayf("%s sends a wrong token, and is refused (403): %s", "%s шлёт неверный токен и получает 403: %s", who, tail)
		f.Do = x.Sayf("Copy its token anew: a slip of the hand, or a secret that was rotated. %s",
			"Скопируйте токен заново: в нём опечатка, или секрет сменили (rotate). %s", x.token(k))
	case "token-foreign":
		f.What = x.Sayf("%s has a token that is not for it (%s): %s", "%s: чужой токен (%s): %s", who, x.reason(last.Reason), tail)
		f.Do = x.foreign(k, last.Reason)
	case "address-refused":
		f.What = x.Sayf("%s calls from an address that --allow does not name (403): %s", "%s обращается с адреса, которого нет в --allow (403): %s", who, tail)
		f.Do = x.Say("If it is one of your phones, add its network to --allow", "Если это ваш телефон, добавьте его сеть в --allow")
	case "too-many-hits":
		f.Level = Warning
		f.What = x.Sayf("%s sends more hits than --rate-limit allows (429): %s", "%s обращается чаще, чем разрешает --rate-limit (429): %s", who, tail)
		f.Do = x.Say("Raise --rate-limit, or give the phones behind that address tokens: they are not limited",
			"Увеличьте --rate-limit или дайте телефонам за этим адресом токены: для них ограничения нет")
	default:
		f.Level = Warning
		f.What = x.Sayf("%s sends hits that make no sense (%d: %s): %s. The last: %s", "%s шлёт непонятные обращения (%d: %s): %s. Последнее: %s",
			who, last.Status, x.reason(last.Reason), tail, urlOf(last))
		f.Do = x.unusable(last.Reason)
	}
	return f
}

// token says how to get the token of a phone.
func (x exam) token(k refusal) string {
	mac := k.mac
	if p, known := x.phoneBehind(k); known {
		mac = p.MAC
	}
	return x.Sayf("callbus token new %s prints it, the same each time; a token that all phones share stands in the file of --shared-token-file",
		"Его печатает callbus token new %s, каждый раз один и тот же; общий токен записан в файле --shared-token-file", cmp.Or(mac, "MAC"))
}

// foreign is what to do about a token that its phone may not use so.
func (x exam) foreign(k refusal, why string) string {
	switch {
	case strings.HasPrefix(why, "this token may not speak for this line"):
		return x.Say("The file of --phones gives that phone other lines. Mend the line in its URLs, or the column line of the file",
			"В файле --phones за этим телефоном записаны другие линии. Исправьте линию в его URL или столбец line в файле")
	case strings.HasPrefix(why, "this token is not for this address"):
		return x.Say("The file of --phones lets that phone call from other addresses only. If it has moved, mend the column allow of the file",
			"В файле --phones этому телефону разрешены другие адреса. Если он переехал, исправьте столбец allow в файле")
	}
	return x.Sayf("Each phone has its own token: this one was copied from another phone, or the URL has a wrong mac. %s",
		"У каждого телефона свой токен: этот скопирован с другого телефона, или в URL неверный mac. %s", x.token(k))
}

// unusable is what to do about a URL that makes no sense.
func (x exam) unusable(why string) string {
	slip := slips.FindStringSubmatch(why)
	switch {
	case slip != nil:
		return x.Sayf("Mend that URL in the phone: %[2]s instead of %[1]s", "Исправьте этот URL в телефоне: %[2]s вместо %[1]s", slip[1], slip[2])
	case strings.HasPrefix(why, "no line"):
		return x.Say("Add the line to that URL in the phone: line=101, say, or the phone's own variable for it",
			"Допишите в этот URL телефона линию: например line=101 или переменную телефона с его номером")
	case strings.HasPrefix(why, "no such"):
		return x.Say("Mend that URL in the phone: its path is the vendor and the event, such as /yealink/incoming. callbus provision VENDOR --print shows them all",
			"Исправьте этот URL в телефоне: путь состоит из производителя и события, например /yealink/incoming. Все URL показывает callbus provision ПРОИЗВОДИТЕЛЬ --print")
	}
	return x.Say("Compare that URL in the phone with what callbus provision VENDOR --print shows",
		"Сверьте этот URL в телефоне с тем, что показывает callbus provision ПРОИЗВОДИТЕЛЬ --print")
}

// urlOf is what can be said of the URL of a refused hit.
func urlOf(r stream.Rejection) string {
	return "…/" + phone.Mask(shorten(strings.Trim(r.Dialect+"/"+r.Event, "/"))) + "?" + phone.Mask(shorten(r.Query))
}

// reasons are what a phone is told (docs/wire.md §1), up to the colon, in Russian.
var reasons = map[string]string{
	"no such dialect or event":               "нет такого диалекта или события",
	"this phone's event means nothing here":  "это событие телефона ничего не значит для Callbus",
	"no line":                                "не указана линия: нужен один из параметров line, acc, local, mac",
	"a body must be a form":                  "тело запроса — не форма",
	"this token is another phone's":          "токен другого телефона: в URL другой MAC",
	"this token may not speak for this line": "токен не для этой линии",
	"this token is not for this address":     "токен не для этого адреса",
}

// slips are how the door tells of a slip in a vendor's name.
var slips = regexp.MustCompile(`^no such dialect: (\S+); did you mean (\S+)\?$`)

// reason is why a hit was of no use, without the lists behind it.
func (x exam) reason(why string) string {
	if slip := slips.FindStringSubmatch(why); slip != nil {
		return x.Sayf("%s: did you mean %s?", "%s: может быть, %s?", slip[1], slip[2])
	}
	short, _, _ := strings.Cut(why, ":")
	return x.Say(short, cmp.Or(reasons[short], short))
}

// whoIs names the phone behind a refused hit as the book knows it, else by what it calls itself.
func (x exam) whoIs(k refusal, r stream.Rejection) string {
	if k.trial {
		return x.Sayf("callbus send from %s", "callbus send с адреса %s", k.addr)
	}
	if p, known := x.phoneBehind(k); known {
		return x.name(p) + ", " + k.addr
	}
	who := x.Sayf("The phone at %s", "Телефон с адреса %s", k.addr)
	about := slices.DeleteFunc([]string{k.mac, shorten(r.UserAgent)}, func(s string) bool { return s == "" })
	if len(about) > 0 {
		who += " (" + strings.Join(about, ", ") + ")"
	}
	return who
}

// phoneBehind finds a phone by the MAC that the hit names. By its address it is known only where the hit names none and no
// other phone has called from there: a router may hide a whole office.
func (x exam) phoneBehind(k refusal) (stream.KnownPhone, bool) {
	var found []stream.KnownPhone
	for _, p := range x.Phones {
		if _, there := p.Addrs[k.addr]; k.mac == "" && there || k.mac != "" && p.MAC == k.mac {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return stream.KnownPhone{}, false
	}
	return found[0], true
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
