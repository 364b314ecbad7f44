package deliver

import "strings"

// Stale reports whether a reason of a skipped event is its age: another day the target would have got it.
func Stale(why string) bool { return why == ringWas || strings.HasPrefix(why, tooOld) }
