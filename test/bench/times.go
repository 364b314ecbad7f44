package main

import (
	"slices"
	"time"
)

// times are how long something took, again and again.
type times []time.Duration

func (t times) sorted() times {
	slices.Sort(t)
	return t
}

// at is a quantile of sorted times.
func (t times) at(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	return t[min(int(q*float64(len(t))), len(t)-1)]
}
