package access

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/callbus/callbus/internal/call"
)

// Limits of phones.csv, far above any office.
const (
	maxPhones    = 10_000
	maxPhonesCSV = 4 << 20
)

// Phones is what ids are bound to, by id.
type Phones map[string]Phone

// Phone is what one id is bound to.
type Phone struct {
	ID    string
	MAC   string         // empty: not known
	Lines []call.Line    // empty: any
	Allow []netip.Prefix // empty: from everywhere

	Vendor string // as it is written there; decides nothing here
}

// NewPhone is a phone that somebody names: its id and, where it is not empty, its lines with blanks between them.
func NewPhone(id, lines string) (Phone, error) {
	return readPhone([]string{"id", "line"}, []string{id, lines})
}

// columns are those that phones.csv may have. A nil one is read by others.
var columns = map[string]func(p *Phone, value string) error{
	"id": func(p *Phone, value string) (err error) {
		p.ID, err = parseID(value)
		return err
	},
	"mac": func(p *Phone, value string) error {
		if p.MAC = call.ParseMAC(value); p.MAC == "" {
			return fmt.Errorf("%.40q is no MAC", value)
		}
		return nil
	},
	"line": func(p *Phone, value string) error {
		for word := range strings.FieldsSeq(value) {
			if strings.ContainsAny(word, ",;") {
				return fmt.Errorf("%.60q: several lines are separated by blanks", value)
			}
			p.Lines = append(p.Lines, call.Line(word))
		}
		return nil
	},
	"allow": func(p *Phone, value string) (err error) {
		p.Allow, err = ParseNets(strings.Fields(value))
		return err
	},
	"vendor": func(p *Phone, value string) error {
		p.Vendor = value
		return nil
	},
	"model": nil, "name": nil,
}

// ParseNets reads networks in CIDR form; an address alone is a network of one.
func ParseNets(list []string) (nets []netip.Prefix, err error) {
	for _, s := range list {
		n, err := netip.ParsePrefix(s)
		if a, bare := netip.ParseAddr(s); bare == nil {
			n, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%.60q is no network: want 192.168.10.0/24 or an address", s)
		case n.Addr().Is4In6() || n.Addr().Zone() != "":
			return nil, fmt.Errorf("%s: write IPv4 as 192.168.10.0/24, and IPv6 without a zone", s)
		}
		nets = append(nets, n.Masked())
	}
	return nets, nil
}

// ErrNotUTF8 is a phones.csv in UTF-16, as spreadsheets call "Unicode text".
var ErrNotUTF8 = errors.New("is not UTF-8")

// ReadPhones reads phones.csv: a line of column names, then one phone on each. Commas or semicolons, UTF-8 or
// windows-1251: spreadsheets in Russia write semicolons and, if not told otherwise, windows-1251. Errors name the line.
func ReadPhones(r io.Reader) (Phones, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(bytes.NewReader(text))
	rows.Comma, rows.Comment, rows.FieldsPerRecord = comma(text), '#', -1
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty: the first line names the columns, id,line for example")
	}
	if err == nil {
		header, err = readHeader(header)
	}
	if err != nil {
		return nil, atLine(rows, err)
	}
	phones := Phones{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return phones, nil
		}
		if err == nil {
			err = phones.add(header, row)
		}
		if err != nil {
			return nil, atLine(rows, err)
		}
	}
}

func readText(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPhonesCSV+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxPhonesCSV:
		return nil, errors.New("is larger than 4 MiB")
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), bytes.HasPrefix(text, []byte{0xFE, 0xFF}), bytes.IndexByte(text, 0) >= 0:
		return nil, ErrNotUTF8
	}
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	if utf8.Valid(text) {
		return text, nil
	}
	return charmap.Windows1251.NewDecoder().Bytes(text)
}

// comma is what separates the columns' names.
func comma(text []byte) rune {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) > 0 && line[0] != '#' {
			if bytes.Count(line, []byte{';'}) > bytes.Count(line, []byte{','}) {
				return ';'
			}
			break
		}
	}
	return ','
}

// atLine names the line of the row read last; encoding/csv names it itself.
func atLine(rows *csv.Reader, err error) error {
	if _, ok := errors.AsType[*csv.ParseError](err); ok {
		return err
	}
	line, _ := rows.FieldPos(0)
	return fmt.Errorf("line %d: %w", line, err)
}

func readHeader(cells []string) ([]string, error) {
	var names []string
	for _, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch _, known := columns[name]; {
		case !known:
			// Short: a file of secrets may have been named by mistake.
			return nil, fmt.Errorf("unknown column %.16q; known are id, mac, line, allow, vendor, model, name", cell)
		case slices.Contains(names, name):
			return nil, fmt.Errorf("column %s stands here twice", name)
		}
		names = append(names, name)
	}
	if !slices.Contains(names, "id") {
		return nil, errors.New("there is no column id; the first line names the columns")
	}
	return names, nil
}

// add takes a row in. One of empty cells is what spreadsheets leave below a table.
func (all Phones) add(header, row []string) error {
	if strings.TrimSpace(strings.Join(row, "")) == "" {
		return nil
	}
	p, err := readPhone(header, row)
	if err != nil {
		return err
	}
	if _, twice := all[p.ID]; twice {
		return fmt.Errorf("id %s stands here twice", p.ID)
	}
	if len(all) == maxPhones {
		return fmt.Errorf("more than %d phones", maxPhones)
	}
	all[p.ID] = p
	return nil
}

func readPhone(header, row []string) (p Phone, err error) {
	for i, cell := range row {
		cell = strings.TrimSpace(cell)
		switch {
		case cell == "":
			continue
		case i >= len(header):
			return p, fmt.Errorf("%d cells below %d columns", len(row), len(header))
		case columns[header[i]] == nil:
			continue
		}
		if err := columns[header[i]](&p, cell); err != nil {
			return p, fmt.Errorf("%s: %w", header[i], err)
		}
	}
	own := ownMAC(p.ID)
	switch {
	case p.ID == "":
		return p, errors.New("the id is missing")
	case own != "" && p.MAC != "" && own != p.MAC:
		return p, errors.New("the id is a MAC, and mac is another")
	case own != "":
		p.MAC = own
	}
	return p, nil
}
