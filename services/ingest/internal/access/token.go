package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
)

const (
	// purpose keeps what is signed here apart from whatever else the same secret may ever sign.
	purpose = "callbus phone token v1\x00"

	macBytes = 16 // 128 bits: docs/adr/0007
	macChars = 22 // of base64url without padding
	maxID    = 41 // with a dot and the mac 64 characters, what /p/TOKEN/ takes
)

var idForm = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_-]{1,%d}$`, maxID))

// parseID reads the id of a token: a MAC in any spelling, which becomes 12 lower-case hex digits, or a name.
func parseID(s string) (string, error) {
	if mac := call.ParseMAC(s); mac != "" {
		return mac, nil
	}
	switch {
	case !idForm.MatchString(s):
		return "", fmt.Errorf("%.60q is no id: want a MAC, or 1 to %d of A-Z a-z 0-9 _ -", s, maxID)
	case s == SharedID:
		return "", errors.New(SharedID + " is no id: it means the shared token")
	}
	return s, nil
}

// ownMAC is the id where it is a MAC.
func ownMAC(id string) string {
	if mac := call.ParseMAC(id); mac == id {
		return mac
	}
	return ""
}

// Token makes the token of an id under the newest secret.
func (s Secrets) Token(id string) (string, error) {
	id, err := parseID(id)
	if err != nil {
		return "", err
	}
	return id + "." + s[0].mac(id), nil
}

func (m master) mac(id string) string {
	h := hmac.New(sha256.New, m.key[:])
	h.Write([]byte(purpose + id))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:macBytes])
}

// verify finds the id of a token, and the secret that it was made with. The texts are compared, not what they encode: base64 has
// several ways to write the last byte, and only one of them is the token.
func (s Secrets) verify(token string, now time.Time) (id string, by master, ok bool) {
	id, mac, _ := strings.Cut(token, ".")
	if !idForm.MatchString(id) || len(mac) != macChars || id == SharedID {
		return "", master{}, false
	}
	for _, m := range s {
		if same(mac, m.mac(id)) && m.holds(now) {
			return id, m, true
		}
	}
	return "", master{}, false
}

// made reports whether id and mac were made here, expired or not.
func (s Secrets) made(id, mac string) bool {
	for _, m := range s {
		if same(mac, m.mac(id)) {
			return true
		}
	}
	return false
}
