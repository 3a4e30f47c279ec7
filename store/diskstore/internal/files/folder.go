// Package files is the interface of a disk store to the file system. It has the names of all
// files, and all calls that lock files, reserve space, make files durable or delete them. It
// knows the bytes in them only by package format, and keeps no state.
//
// All functions are safe for concurrent use. Errors of a full disk wrap store.ErrFull; those of
// a failed read wrap ErrUnreadable.
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

// Names in the folder of a store.
const (
	SegmentsDir = "segments"  // the folder of the segment files
	IndexDir    = "index"     // the folder of the index
	OldIndexDir = "index.old" // the previous index, while a new one is built

	LockName      = "LOCK"            // the file locked by the process that has the store open
	SyncedName    = "synced"          // the file of the mark
	SpareName     = "reserve"         // reserved space for a full disk
	CondemnedName = "index.condemned" // a note: the index is damaged
)

// Notes in the folder of a backup.
const (
	UnfinishedName = "backup.unfinished" // the backup is unfinished: it cannot be opened
	BackupName     = "backup"            // the backup is complete: opening it begins a new epoch
)

// Ours are the names of the files in a store's folder itself.
var Ours = []string{LockName, SyncedName, BackupName, UnfinishedName, CondemnedName, SpareName}

// ForeignFilesError says that a folder holds files of something other than a store. Nothing in
// it was touched.
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
	return fmt.Sprintf("it holds files that torrentcache did not make (%s): choose an empty folder, or one that torrentcache made", &text)
}

// oneLine returns a file's name, quoted if it has characters that are not printable.
func oneLine(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// CheckFolder returns a *ForeignFilesError if the folder dir holds regular files of something
// else: it is probably the wrong folder, and a store must not delete or back up foreign files.
// Names that begin with a dot pass, since systems leave such files everywhere, and so do
// folders, such as lost+found. A missing folder counts as empty.
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
