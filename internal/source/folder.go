package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folder walks a folder and all below: its files first, in the order of the file
// system, then its folders. It holds some names at a time and the names of the
// folders still to come. Links to files are followed, links to folders are not,
// because they may lead in circles.
func (w *walk) folder(path string) {
	var folders []string
	for entries := range w.entries(path) {
		for _, entry := range entries {
			if w.over() {
				return
			}
			child := filepath.Join(path, entry.Name())
			if entry.IsDir() && !isLitter(entry.Name()) {
				folders = append(folders, child)
			} else if !entry.IsDir() {
				w.entry(child, entry)
			}
		}
	}
	for _, child := range folders {
		if w.over() {
			return
		}
		w.folder(child)
	}
}

// entries yields what is in a folder, some at a time.
func (w *walk) entries(path string) func(yield func([]fs.DirEntry) bool) {
	return func(yield func([]fs.DirEntry) bool) {
		dir, err := os.Open(path)
		if err != nil {
			w.Problem(path, plain(err))
			return
		}
		defer dir.Close()
		for {
			entries, err := dir.ReadDir(1024)
			if len(entries) > 0 && !yield(entries) {
				return
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				w.Problem(path, plain(err))
				return
			}
		}
	}
}

func (w *walk) entry(path string, entry fs.DirEntry) {
	info, err := entry.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && entry.Type()&fs.ModeSymlink == 0:
		// Gone since the folder was read.
	case err != nil:
		w.Problem(path, plain(err))
	case info.Mode().IsRegular():
		w.visit(path, info)
	}
}
