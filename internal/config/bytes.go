package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes: a flag value, and a scalar in YAML. "1GiB", "512MiB", "64KiB", "1TiB" or a plain number of bytes.
//
// GB and G are refused: to some they are 1000³ and to others 1024³, and a store's limit is no place to guess.
type Bytes int64

// Sizes to write defaults with.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
)

// units go from the largest down, so that String finds the shortest exact form first.
var units = []struct {
	name string
	size Bytes
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

// String writes the size exactly, in the largest unit that divides it: 1536MiB, not 1.5GiB.
func (b Bytes) String() string {
	for _, u := range units[:len(units)-1] {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Set implements flag.Value.
func (b *Bytes) Set(s string) error {
	n, err := ParseBytes(s)
	if err == nil {
		*b = n
	}
	return err
}

// UnmarshalText reads the size from a YAML scalar.
func (b *Bytes) UnmarshalText(text []byte) error { return b.Set(string(text)) }

// MarshalText writes the size as String does.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// ParseBytes reads a size; upper and lower case are the same, and a space before the unit is allowed.
func ParseBytes(s string) (Bytes, error) {
	digits, size, err := splitUnit(strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, err)
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if errors.Is(err, strconv.ErrRange) || n > uint64(math.MaxInt64/size) {
		return 0, fmt.Errorf("%q: is too large", s)
	}
	if err != nil {
		return 0, fmt.Errorf("%q: %w", s, errSize)
	}
	return Bytes(n) * size, nil
}

var errSize = errors.New("not a size: write a whole number with KiB, MiB, GiB or TiB, as in 512MiB")

func splitUnit(s string) (digits string, size Bytes, err error) {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		return s, 1, nil
	}
	name := strings.TrimSpace(s[end:])
	for _, u := range units {
		if strings.EqualFold(name, u.name) {
			return s[:end], u.size, nil
		}
	}
	return "", 0, errSize
}
