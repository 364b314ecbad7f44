//go:build race

package deliver

import "time"

// betweenHits is longer under the race detector, which makes a night of 5 hits a second take half a minute.
const betweenHits = 2 * time.Second
