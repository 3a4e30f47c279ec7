package object

import "github.com/torrentcache/torrentcache/store"

// Foreign says that an object is whole, but not of a format of this program.
type Foreign struct{ newer bool }

// otherFormat returns that an object has a format which is not want.
func otherFormat(format, want byte) error { return &Foreign{newer: format > want} }

// Error says what to do about it.
func (f *Foreign) Error() string {
	if f.newer {
		return "a newer version of this program wrote it, which knows more than this one"
	}
	return "it has a format that was never released: begin with an empty bucket or another prefix"
}

// Unwrap returns [store.ErrUnavailable].
func (f *Foreign) Unwrap() error { return store.ErrUnavailable }
