package dialect

import "strings"

// leastNear is the length of the shortest slip: of less there is too much that it may mean.
const leastNear = 4

// Near is the dialect that a word in its place is a slip of ("yealnik"), in front of an event that this dialect has; or empty.
//
// Such a word may be said again, where any other may be a secret in the wrong place: it is of letters, two of which at most are
// not the dialect's own, and so it is shorter than any token of ours (its test compares that).
func Near(word, event string) string {
	if len(word) < leastNear || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return ""
	}
	best, least := "", maxSlips+1
	for _, v := range vendors {
		slips := slips(word, v.name)
		if _, known := v.eventByName(event); known && slips < least && slips <= allowed(v.name) {
			best, least = v.name, slips
		}
	}
	return best
}

const maxSlips = 2

// allowed is how many slips a name may hold: a short one with two is another word.
func allowed(name string) int {
	if len(name) < 6 {
		return 1
	}
	return maxSlips
}

// slips counts what makes b of a: letters put in, left out, mistaken for another, or swapped with the next (the distance of
// Damerau and Levenshtein, no letter touched twice).
func slips(a, b string) int {
	if d := len(a) - len(b); d > maxSlips || d < -maxSlips {
		return maxSlips + 1
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
				continue
			case a[i-1] == b[j-1]:
				rows[i][j] = rows[i-1][j-1]
			default:
				rows[i][j] = 1 + min(rows[i-1][j-1], rows[i-1][j], rows[i][j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
