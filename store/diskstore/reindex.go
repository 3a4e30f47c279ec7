package diskstore

import "fmt"

// Reindex builds the index of a store that nobody has open anew from its
// segments. Open does so by itself where it finds the index to be unusable.
// Marks of damage and the days of last access are lost. Errors are those of
// Open, or say that there is no store.
func Reindex(o Options) error {
	checked := o.withDefaults()
	there, err := exists(checked.FS, checked.FS.PathJoin(o.Dir, segmentsDir))
	if err != nil {
		return fmt.Errorf("reindexing: %w", err)
	}
	if !there {
		return fmt.Errorf("reindexing: there is no store in %s", o.Dir)
	}
	o.reindex = true
	s, err := Open(o)
	if err != nil {
		return err
	}
	return s.Close()
}
