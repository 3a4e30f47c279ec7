package deny

import "hash/maphash"

// prefixSize is how much of an id or a digest is kept, in bytes.
const prefixSize = 16

// row is an id or a digest, and the line that names it; the line is 0 in an empty row.
type row struct {
	prefix [prefixSize]byte
	line   uint32
}

// table is a hash table of rows by prefix, with linear probing. At least a fifth of the rows is
// empty. A look-up takes a tenth of the time that it takes in a sorted slice, and building the
// table takes half the time.
type table struct {
	seed maphash.Seed
	rows []row
	used int
}

// newTable returns a table with room for that many rows; it grows beyond that.
func newTable(most int) *table {
	return &table{seed: maphash.MakeSeed(), rows: make([]row, most+most/4+2)}
}

// at returns the row of a prefix, or the empty row for it.
func (t *table) at(prefix [prefixSize]byte) *row {
	place := maphash.Comparable(t.seed, prefix) % uint64(len(t.rows))
	for {
		r := &t.rows[place]
		if r.line == 0 || r.prefix == prefix {
			return r
		}
		if place++; place == uint64(len(t.rows)) {
			place = 0
		}
	}
}

// add adds the prefix of an id or a digest. If it is there already, the earlier line counts.
func (t *table) add(id []byte, line uint32) {
	if t.used+t.used/4+2 > len(t.rows) {
		t.resize(2*t.used + 1)
	}
	prefix := [prefixSize]byte(id)
	if r := t.at(prefix); r.line == 0 {
		*r = row{prefix, line}
		t.used++
	}
}

// resize makes room for that many rows.
func (t *table) resize(most int) {
	bigger := newTable(most)
	for _, r := range t.rows {
		if r.line != 0 {
			*bigger.at(r.prefix) = r
		}
	}
	bigger.used = t.used
	*t = *bigger
}

// trim shrinks a table that is much too large for its rows.
func (t *table) trim() {
	if len(t.rows) > t.used+t.used/2+2 {
		t.resize(t.used)
	}
}

// find returns the line that names an id or a digest.
func (t *table) find(id []byte) (line uint32, ok bool) {
	line = t.at([prefixSize]byte(id)).line
	return line, line != 0
}
