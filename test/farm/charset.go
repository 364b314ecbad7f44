package farm

// The code pages in which phones send names. What a page does not have becomes a question mark.

func utf8(s string) []byte { return []byte(s) }

func latin1(s string) []byte {
	return encode(s, func(r rune) (byte, bool) { return byte(r), r < 0x100 })
}

// cp1251 as far as Russian goes.
func cp1251(s string) []byte {
	return encode(s, func(r rune) (byte, bool) {
		switch {
		case r < 0x80:
			return byte(r), true
		case r >= 'А' && r <= 'я':
			return byte(r-'А') + 0xc0, true
		case r == 'Ё':
			return 0xa8, true
		case r == 'ё':
			return 0xb8, true
		}
		return 0, false
	})
}

func encode(s string, page func(rune) (byte, bool)) []byte {
	var encoded []byte
	for _, r := range s {
		b, ok := page(r)
		if !ok {
			b = '?'
		}
		encoded = append(encoded, b)
	}
	return encoded
}
