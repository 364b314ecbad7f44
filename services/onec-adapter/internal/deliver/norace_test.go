//go:build !race

package deliver

import "time"

const betweenHits = 200 * time.Millisecond
