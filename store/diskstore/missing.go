package diskstore

// Missing is a segment file of which something is not there that should be.
type Missing struct {
	File     string // its name, relative to the folder of the store
	From     int64  // the offset at which it ends too early; 0: the file is gone
	Counted  bool   // whether the index knows what was in it
	Torrents int64  // that answer ErrDamaged for it, until uploads heal them
	Removed  int64  // removals and restorations in it; the index knows them, they hold
}

// Missing returns what was missing when the store was opened, in the order of the
// segments, with what of it is still not healed.
func (s *Store) Missing() []Missing { return nil }
