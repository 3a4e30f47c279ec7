package format

// Place is where a record stands, and how long its body is. The zero value is nowhere.
type Place struct {
	Segment uint64 // from 1
	Offset  int64  // in that segment, in bytes
	Length  uint32 // of the body, in bytes
}

// IsZero reports whether p is nowhere.
func (p Place) IsZero() bool { return p.Segment == 0 }
