package dialect

import "strings"

// maxUnfilled is how many parameters Unfilled names.
const maxUnfilled = 16

// Unfilled names the parameters of a query whose placeholder the phone has not filled (remote=$remote), in their order.
func Unfilled(query string) (names []string) {
	if !strings.Contains(query, "$") && !strings.Contains(query, "%24") {
		return nil
	}
	query = query[:min(len(query), maxQuery)]
	for _, p := range split(query) {
		if s := decode(query[p.start:p.end]); s != "" && filled(s) == "" && len(names) < maxUnfilled {
			names = append(names, cut(p.name, maxDevice))
		}
	}
	return names
}
