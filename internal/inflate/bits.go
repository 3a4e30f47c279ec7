package inflate

import "encoding/binary"

// bits reads bits, the most significant of a byte first. Behind the end of the
// data it gives zeros; passedEnd tells.
type bits struct {
	b    []byte
	next int    // offset of the next byte to load; may pass the end
	held uint64 // loaded bits that were not read yet, from the top
	n    uint   // how many
}

// load makes sure that at least 32 bits are held.
func (r *bits) load() {
	if r.n >= 32 {
		return
	}
	if r.next+4 <= len(r.b) {
		r.held |= uint64(binary.BigEndian.Uint32(r.b[r.next:])) << (32 - r.n)
		r.next += 4
		r.n += 32
		return
	}
	for ; r.n <= 56; r.n += 8 {
		if r.next < len(r.b) {
			r.held |= uint64(r.b[r.next]) << (56 - r.n)
		}
		r.next++
	}
}

// read reads up to 32 bits.
func (r *bits) read(n uint) uint32 {
	r.load()
	v := uint32(r.held >> (64 - n))
	r.skip(n)
	return v
}

// skip passes over bits that are held.
func (r *bits) skip(n uint) {
	r.held <<= n
	r.n -= n
}

// align passes over what is left of a byte.
func (r *bits) align() { r.skip(r.n % 8) }

// offset returns how many bytes were read, a part of one counted as a whole.
func (r *bits) offset() int { return r.next - int(r.n/8) }

// passedEnd reports whether more was read than there is.
func (r *bits) passedEnd() bool { return r.offset() > len(r.b) }
