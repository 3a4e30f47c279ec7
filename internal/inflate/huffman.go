package inflate

const (
	// maxCodeLength is the longest Huffman code in bits.
	maxCodeLength = 20

	// tableBits is how many bits are looked up at once. Most symbols have shorter
	// codes.
	tableBits = 10

	// maxSymbols is how many there are: RUNA, RUNB, 255 places in the list of
	// recent bytes, and the end of the block.
	maxSymbols = 258
)

// huffman is one prefix code. Codes of one length are consecutive numbers, in the
// order of their symbols, and begin behind those of the lengths below.
type huffman struct {
	table [1 << tableBits]uint16 // symbol<<5 | length by the next bits; 0: longer, or no code
	// By length: the first number behind the codes, aligned to the left of 32
	// bits; and what added to a code gives its index in sorted.
	limit  [maxCodeLength + 1]uint64
	offset [maxCodeLength + 1]int32
	sorted [maxSymbols]uint16 // symbols by length, then by number
}

// build makes h the code of the given lengths, each 1 to maxCodeLength. It
// reports whether there is such a code.
func (h *huffman) build(lengths []uint8) bool {
	var count, first [maxCodeLength + 2]int32
	for _, n := range lengths {
		count[n]++
	}
	code, index := int32(0), int32(0)
	for n := 1; n <= maxCodeLength; n++ {
		first[n] = index
		h.offset[n] = index - code
		code += count[n]
		index += count[n]
		if code > 1<<n {
			return false
		}
		h.limit[n] = uint64(code) << (32 - n)
		code <<= 1
	}
	for symbol, n := range lengths {
		h.sorted[first[n]] = uint16(symbol)
		first[n]++
	}
	h.fill()
	return true
}

// fill fills the table of short codes.
func (h *huffman) fill() {
	clear(h.table[:])
	at := uint64(0) // what the codes of the lengths below take of the table
	for n := uint(1); n <= tableBits; n++ {
		end := h.limit[n] >> (32 - tableBits)
		for ; at < end; at++ {
			symbol := h.sorted[int32(at>>(tableBits-n))+h.offset[n]]
			h.table[at] = symbol<<5 | uint16(n)
		}
	}
}

// read reads a symbol; ok is false if the next bits are no code.
func (h *huffman) read(r *bits) (symbol uint16, ok bool) {
	r.load()
	if e := h.table[r.held>>(64-tableBits)]; e != 0 {
		r.skip(uint(e & 31))
		return e >> 5, true
	}
	return h.readLong(r)
}

func (h *huffman) readLong(r *bits) (symbol uint16, ok bool) {
	code := r.held >> 32
	for n := uint(tableBits + 1); n <= maxCodeLength; n++ {
		if code < h.limit[n] {
			r.skip(n)
			return h.sorted[int32(code>>(32-n))+h.offset[n]], true
		}
	}
	return 0, false
}
