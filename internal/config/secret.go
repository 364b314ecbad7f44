package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"unicode/utf8"
)

// Secret is a password or a token. Only Reveal gives it away; whatever prints, formats or marshals it gets ***.
//
// Keep it in exported fields: fmt calls no methods on the unexported fields of a struct, so that %v of such a struct
// would print the text itself.
type Secret string

const masked = "***"

// Reveal returns the secret itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// String returns ***.
func (Secret) String() string { return masked }

// GoString returns ***.
func (Secret) GoString() string { return masked }

// Format writes *** for every verb: without it %x and %d would go around String.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// MarshalText returns ***, for YAML, XML and whatever else marshals text.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// MarshalJSON returns "***".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// maxSecret is far above any password, token or key, and far below a log file named by mistake.
const maxSecret = 64 << 10

// ErrNotUTF8 is a file that an editor has saved in another encoding, as Notepad may: taken as it is, what stands in it would be a
// wrong password or name that nobody can see.
var ErrNotUTF8 = errors.New("is not UTF-8: save it as UTF-8")

// ReadSecretFile reads a secret of at most 64 KiB. A UTF-8 byte order mark and one trailing line end are cut off, because
// editors add them unasked; all other white space is part of the secret. No error contains what the file contains.
//
// A file that others can read is accepted: containers mount their secrets with mode 0444. WorldReadable tells, for a warning.
func ReadSecretFile(path string) (Secret, error) {
	data, err := readAtMost(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	text, err := trimSecret(data)
	if err != nil {
		return "", fmt.Errorf("read the secret: %s: %w", path, err)
	}
	return Secret(text), nil
}

// trimSecret cuts off what editors add. UTF-16, as PowerShell's > writes it, has bytes of zero or a mark that is not UTF-8.
func trimSecret(data []byte) ([]byte, error) {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, ErrNotUTF8
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if cut, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(cut, []byte("\r"))
	}
	if len(data) == 0 {
		return nil, errors.New("is empty")
	}
	return data, nil
}

func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: is larger than %s", path, Bytes(limit))
	}
	return data, nil
}

// WorldReadable reports whether any user of this machine may read the file. It is always false on Windows, whose
// permission bits say nothing about it, and false for a file that cannot be looked at.
func WorldReadable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0
}
