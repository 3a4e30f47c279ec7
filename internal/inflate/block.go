package inflate

// A block was made in four steps, which are undone from the last to the first:
// runs of equal bytes shortened (write), all rotations of the block sorted
// (invert), bytes replaced by their place in a list of recent ones, and those
// given Huffman codes (readSymbols).

const (
	minTables, maxTables = 2, 6

	// usualRatio is how many bytes come out of one at most, usually: hashes do not
	// shrink. More costs time, not memory.
	usualRatio = 4

	// groupSize is after how many symbols another Huffman code may take over.
	groupSize = 50
)

// block is one block, and memory that is used again for the next.
type block struct {
	// links has a byte of the block in the lowest 8 bits, and above, once invert
	// is done, where the byte after it is.
	links   []uint32
	first   uint32      // where the block's first byte is
	counts  [256]uint32 // how often each byte is in the block
	used    [256]byte   // the bytes that are in the block, the most recent first
	codes   [maxTables]huffman
	choices []uint8 // the code of each group
}

// readSymbols reads the block as it was before it got Huffman codes; it reports
// whether that could be.
func (k *block) readSymbols(in *bits, size int) bool {
	n := k.readUsed(in)
	tables := int(in.read(3))
	if n == 0 || tables < minTables || tables > maxTables || !k.readChoices(in, tables) {
		return false
	}
	for i := range tables {
		if !k.readCode(in, &k.codes[i], n+2) {
			return false
		}
	}
	return k.readBytes(in, size, uint16(n+1))
}

// readUsed reads which bytes are in the block, and returns how many.
func (k *block) readUsed(in *bits) int {
	n := 0
	ranges := in.read(16)
	for i := range 16 {
		if ranges>>(15-i)&1 == 0 {
			continue
		}
		bytes := in.read(16)
		for j := range 16 {
			if bytes>>(15-j)&1 == 1 {
				k.used[n] = byte(16*i + j)
				n++
			}
		}
	}
	return n
}

// readChoices reads the code of each group, as its place in a list of recent ones.
func (k *block) readChoices(in *bits, tables int) bool {
	n := int(in.read(15))
	recent := [maxTables]uint8{0, 1, 2, 3, 4, 5}
	k.choices = k.choices[:0]
	for range n {
		place := 0
		for in.read(1) == 1 {
			if place++; place == tables {
				return false
			}
		}
		choice := recent[place]
		copy(recent[1:place+1], recent[:place])
		recent[0] = choice
		k.choices = append(k.choices, choice)
	}
	return n > 0
}

// readCode reads a Huffman code: the length of each symbol, as the difference to
// the one before.
func (k *block) readCode(in *bits, h *huffman, symbols int) bool {
	var lengths [maxSymbols]uint8
	length := in.read(5)
	for i := range symbols {
		for in.read(1) == 1 {
			length += 1 - 2*in.read(1)
			if length < 1 || length > maxCodeLength {
				return false
			}
		}
		if length < 1 || length > maxCodeLength {
			return false
		}
		lengths[i] = uint8(length)
	}
	return h.build(lengths[:symbols])
}

// readBytes reads the block's bytes into links and counts them.
func (k *block) readBytes(in *bits, size int, end uint16) bool {
	if guess := min(size, usualRatio*len(in.b)); cap(k.links) < guess {
		k.links = make([]uint32, 0, guess)
	}
	k.links = k.links[:0]
	clear(k.counts[:])
	run, weight := 0, 1
	for _, choice := range k.choices {
		code := &k.codes[choice]
		for range groupSize {
			symbol, ok := code.read(in)
			if !ok {
				return false
			}
			if symbol <= 1 { // a digit of a run's length, which has the digits 1 and 2
				run += weight << symbol
				weight <<= 1
				if run > size {
					return false
				}
				continue
			}
			if len(k.links)+run >= size && (symbol != end || len(k.links)+run > size) {
				return false
			}
			if run > 0 {
				k.repeat(run)
				run, weight = 0, 1
			}
			if symbol == end {
				return true
			}
			k.recent(int(symbol) - 1)
		}
		if in.passedEnd() {
			return false
		}
	}
	return false
}

// repeat adds the most recent byte n times.
func (k *block) repeat(n int) {
	c := k.used[0]
	k.counts[c] += uint32(n)
	for range n {
		k.links = append(k.links, uint32(c))
	}
}

// recent adds the byte at a place of the list, and moves it to the front.
func (k *block) recent(place int) {
	c := k.used[place]
	copy(k.used[1:place+1], k.used[:place])
	k.used[0] = c
	k.counts[c]++
	k.links = append(k.links, uint32(c))
}

// invert undoes the sorting (Burrows and Wheeler 1994): the n-th of a byte in
// the sorted column is the n-th of it in the block's. It reports whether origin,
// the place of the block among its rotations, could be.
func (k *block) invert(origin uint32) bool {
	if origin >= uint32(len(k.links)) {
		return false
	}
	sum := uint32(0)
	for c, n := range k.counts {
		k.counts[c] = sum
		sum += n
	}
	for i := range k.links {
		c := byte(k.links[i])
		k.links[k.counts[c]] |= uint32(i) << 8
		k.counts[c]++
	}
	k.first = k.links[origin] >> 8
	return true
}

// write appends the block to out: behind four equal bytes stands how many more
// of them there were.
func (k *block) write(out *output) error {
	at, equal, last := k.first, 0, -1
	for range k.links {
		link := k.links[at]
		c := byte(link)
		at = link >> 8
		switch {
		case equal == 4:
			if err := out.repeat(byte(last), int(c)); err != nil {
				return err
			}
			equal, last = 0, -1
			continue
		case int(c) == last:
			equal++
		default:
			equal, last = 1, int(c)
		}
		if len(out.b) == cap(out.b) {
			if _, err := out.room(); err != nil {
				return err
			}
		}
		out.b = append(out.b, c)
	}
	return out.check()
}
