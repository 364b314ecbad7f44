package deliver

import "time"

// longestMute is how long a target that lives and answers nobody is waited for before its messages are blamed again:
// the heads of all lanes may be poisoned. A silence that is longer ago says nothing.
const longestMute = 10 * time.Minute

// mute tells a target that lives and answers nobody from a message that it cannot bear. The rule: a silence is the
// target's if somebody else met with it too, since the last answer and within longestMute. It is the target's for
// longestMute, from the moment when it was more than one who met with it.
//
// Somebody else is another lane, or another line of the same lane. The next event of the line is not: all events of one
// call may be poisoned. Where there is but one lane, its first message dies of the silence, and the next line's waits.
type mute struct {
	met   map[asker]time.Time // when it met with the silence last
	since time.Time           // when it became more than one
	gone  bool                // the target was away when it was heard of last, and not by its silence
}

// asker is who asks the target and may get no answer.
type asker struct {
	lane string
	line lineKey
}

// away says that the target could not be had at all. The first silence after that is its own too, whoever meets with it: the call may
// have begun before the target was back, and a 1C that has just started takes its time.
func (m *mute) away() { m.gone = true }

// answered ends the silence.
func (m *mute) answered() { *m = mute{} }

// silent notes that an asker got no answer, and reports whether that is the target's.
func (m *mute) silent(a asker, now time.Time) bool {
	m.forget(now)
	if m.met == nil {
		m.met = map[asker]time.Time{}
	}
	m.met[a] = now
	if m.gone {
		m.gone = false
		return true
	}
	if len(m.met) == 1 {
		m.since = time.Time{}
		return false
	}
	if m.since.IsZero() {
		m.since = now
	}
	return now.Sub(m.since) < longestMute
}

func (m *mute) forget(now time.Time) {
	for a, last := range m.met {
		if now.Sub(last) >= longestMute {
			delete(m.met, a)
		}
	}
}
