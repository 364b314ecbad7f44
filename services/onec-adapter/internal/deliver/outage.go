package deliver

import "time"

// Since is when the breaker shut; zero while it is open.
func (d *Deliverer) Since() time.Time {
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	if !d.gate.shut {
		return time.Time{}
	}
	return d.gate.since
}
