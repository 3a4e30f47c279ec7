package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// folder walks a folder and its subfolders: first its files, in the order of the file system, then
// its subfolders. Other goroutines read some thousand names ahead.
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

// folder sends all files of a folder and its subfolders to found. It returns false if ctx ended. It
// holds the names of the subfolders still to come. It follows links to files but not links to
// folders, which may lead in circles.
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

// below returns the prefix that makes a name in folder a path.
func below(folder string) string {
	return strings.TrimSuffix(filepath.Join(folder, "x"), "x")
}

// entriesOf yields the entries of a folder, chunkSize at a time. An error comes last.
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

// How far the walk reads the file system ahead.
const (
	chunkSize   = 1024 // names read at once
	chunksAhead = 4
	lookers     = 4 // goroutines that read sizes and times, for slow disks and network drives
)

// listed is a regular file below a folder, or an error of reading.
type listed struct {
	path string
	info fs.FileInfo
	err  error
}

// lookAt returns the regular files among entries, and the links to regular files, in order.
func lookAt(prefix string, entries []fs.DirEntry) []listed {
	files := make([]listed, len(entries))
	each := (len(entries) + lookers - 1) / lookers
	var looking sync.WaitGroup
	for begin := 0; begin < len(entries); begin += each {
		end := min(begin+each, len(entries))
		looking.Go(func() {
			for i := begin; i < end; i++ {
				files[i] = look(prefix, entries[i])
			}
		})
	}
	looking.Wait()
	return slices.DeleteFunc(files, func(s listed) bool { return s.info == nil && s.err == nil })
}

// look returns the zero listed if entry is no file, or has gone since the folder was read.
func look(prefix string, entry fs.DirEntry) listed {
	if entry.IsDir() {
		return listed{}
	}
	path := prefix + entry.Name()
	info, err := entry.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && entry.Type()&fs.ModeSymlink == 0:
		return listed{}
	case err != nil:
		return listed{path: path, err: err}
	case !info.Mode().IsRegular():
		return listed{}
	}
	return listed{path: path, info: info}
}
