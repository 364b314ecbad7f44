package lang

import (
	"fmt"
	"time"
)

// Last says how far a search looks back: "in the last hour", "за последние 7 дней".
func (l Lang) Last(span time.Duration) string {
	u := units[len(units)-1]
	for _, longer := range units {
		if span >= longer.long && span%longer.long == 0 {
			u = longer
			break
		}
	}
	n := int(span / u.long)
	return l.Say(u.english(n), u.russian(n))
}

// unit is a measure of time, and its Russian: the last one, 21 of them, 2 of them, 5 of them.
type unit struct {
	long                    time.Duration
	en, last, one, few, all string
}

// units go from the longest down; the last one takes what is no whole number of the others.
var units = []unit{
	{24 * time.Hour, "day", "последние сутки", "день", "дня", "дней"},
	{time.Hour, "hour", "последний час", "час", "часа", "часов"},
	{time.Minute, "minute", "последнюю минуту", "минуту", "минуты", "минут"},
	{time.Second, "second", "последнюю секунду", "секунду", "секунды", "секунд"},
}

func (u unit) english(n int) string {
	if n == 1 {
		return "in the last " + u.en
	}
	return fmt.Sprintf("in the last %d %ss", n, u.en)
}

func (u unit) russian(n int) string {
	if n == 1 {
		return "за " + u.last
	}
	noun := u.all
	switch teen := n%100 > 10 && n%100 < 20; {
	case !teen && n%10 == 1:
		noun = u.one
	case !teen && n%10 > 1 && n%10 < 5:
		noun = u.few
	}
	return fmt.Sprintf("за последние %d %s", n, noun)
}
