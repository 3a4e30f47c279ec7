package files

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What stands in the folder of a store.
const (
	SegmentsDir = "segments"  // the folder of the segment files
	IndexDir    = "index"     // the folder of the index
	OldIndexDir = "index.old" // the index before, while another is being made

	LockName      = "LOCK"            // the file that who has the store open locks
	SyncedName    = "synced"          // the file of the mark
	SpareName     = "reserve"         // space for when the disk is full
	CondemnedName = "index.condemned" // a note: the index is damaged
)

// Notes in the folder of a backup.
const (
	UnfinishedName = "backup.unfinished" // it is being made: it cannot be opened
	BackupName     = "backup"            // it is whole: opening it begins a new epoch
)

// Ours are the names of the files that stand in a store's folder beside those in
// its sub-folders.
var Ours = []string{LockName, SyncedName, BackupName, UnfinishedName, CondemnedName, SpareName}

// ForeignFilesError says that a folder holds files which no store put there. Nothing in it was
// touched.
type ForeignFilesError struct {
	Names []string // of the files, sorted
}

// Error names the first of the files.
func (e *ForeignFilesError) Error() string {
	const most = 3
	var text strings.Builder
	for i, name := range e.Names[:min(len(e.Names), most)] {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(oneLine(name))
	}
	if more := len(e.Names) - most; more > 0 {
		fmt.Fprintf(&text, " and %d more", more)
	}
	return fmt.Sprintf("it holds files that are not of torrentcache (%s): choose an empty folder, or one that torrentcache made", &text)
}

// oneLine returns a file's name, quoted if it would spoil a line of text.
func oneLine(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// CheckFolder returns a *ForeignFilesError if the folder dir holds regular files of
// others: somebody took the wrong folder, and what a store deletes or a backup takes
// along should be its own. Files whose names begin with a dot pass, since systems leave
// them everywhere, and so do folders, such as the lost+found of a file system. A folder
// that is not there is as good as an empty one.
func CheckFolder(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var foreign []string
	for _, name := range names {
		if slices.Contains(Ours, name) || strings.HasPrefix(name, ".") {
			continue
		}
		info, err := fs.Stat(fs.PathJoin(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err == nil && info.Mode().IsRegular() {
			foreign = append(foreign, name)
		}
	}
	if len(foreign) == 0 {
		return nil
	}
	slices.Sort(foreign)
	return &ForeignFilesError{Names: foreign}
}
