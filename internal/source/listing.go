package source

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// How far the file system is read ahead of the walk.
const (
	chunkSize   = 1024 // names read at once
	chunksAhead = 4
	lookers     = 4 // who ask for sizes and times, so that a slow disk or a network drive has some to do at once
)

// listed is a regular file below a folder, or what cannot be read.
type listed struct {
	path string
	info fs.FileInfo
	err  error
}

// lookAt returns the regular files among entries, and links to such, in order.
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

// look returns the zero listed for what is no file, or is gone since the folder
// was read.
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
