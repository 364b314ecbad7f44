package onec

// Unreached says in the table's words why a server could not be reached: err is one of transport.Reach.
func Unreached(err error) *Failure {
	e := evidence{cause: causeOf(err), err: err}
	r := judge(e)
	return &Failure{Label: r.label, Why: why(r, e), blame: r.blame, err: err}
}
