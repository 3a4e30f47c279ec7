package s3store

import "github.com/torrentcache/torrentcache/store"

// Objects below t/, feed/ and value/, and the object store, begin with a magic that
// tells their format. What is whole and of a format that this program does not know
// is not damaged: it is neither given nor overwritten, for a newer program has it.
// Format 1 was that of tests, in which the ranks of writers had other numbers.

// foreign says that an object is whole, but not of a format of this program.
type foreign struct{ newer bool }

// otherFormat returns that an object has a format which is not want.
func otherFormat(format, want byte) error { return &foreign{newer: format > want} }

func (f *foreign) Error() string {
	if f.newer {
		return "a newer version of this program wrote it, which knows more than this one"
	}
	return "it has a format that was never released: begin with an empty bucket or another prefix"
}

// Unwrap returns [store.ErrUnavailable].
func (f *foreign) Unwrap() error { return store.ErrUnavailable }
