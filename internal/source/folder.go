package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// folder walks a folder and all below: its files first, in the order of the file
// system, then its folders. The file system is read some thousand names ahead, in
// goroutines of their own.
func (w *walk) folder(path string) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	found := make(chan []listed, chunksAhead)
	go func() {
		defer close(found)
		scan{ctx, found}.folder(path)
	}()
	for chunk := range found {
		for _, s := range chunk {
			if w.over() {
				return
			}
			if s.err != nil {
				w.Problem(s.path, plain(s.err))
			} else {
				w.visit(s.path, s.info)
			}
		}
	}
}

// scan reads folders.
type scan struct {
	ctx   context.Context
	found chan<- []listed
}

// folder tells all files of a folder and below; false if nobody listens any
// more. It holds the names of the folders still to come. Links to files are
// followed, links to folders are not, because they may lead in circles.
func (s scan) folder(path string) bool {
	var folders []string
	prefix := below(path)
	for entries, err := range entriesOf(path) {
		chunk := lookAt(prefix, entries)
		if err != nil {
			chunk = []listed{{path: path, err: err}}
		}
		if !s.tell(chunk) {
			return false
		}
		for _, entry := range entries {
			if entry.IsDir() && !isLitter(entry.Name()) {
				folders = append(folders, prefix+entry.Name())
			}
		}
	}
	for _, child := range folders {
		if !s.folder(child) {
			return false
		}
	}
	return true
}

func (s scan) tell(chunk []listed) bool {
	select {
	case s.found <- chunk:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// below returns what the names in a folder are appended to.
func below(folder string) string {
	return strings.TrimSuffix(filepath.Join(folder, "x"), "x")
}

// entriesOf yields what is in a folder, some at a time, at last with an error if
// there was one.
func entriesOf(path string) func(yield func([]fs.DirEntry, error) bool) {
	return func(yield func([]fs.DirEntry, error) bool) {
		dir, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer dir.Close()
		for {
			entries, err := dir.ReadDir(chunkSize)
			if errors.Is(err, io.EOF) || !yield(entries, err) || err != nil {
				return
			}
		}
	}
}
