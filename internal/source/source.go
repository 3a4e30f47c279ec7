package source

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// File is a file, or a member of an archive, that is or may be a torrent.
type File struct {
	// Name is for people: the path, for a member `ARCHIVE: MEMBER`.
	Name string
	// Key stands for this content at this place.
	Key Key
	// Size is that of the content in bytes, as it is stored.
	Size int64
	// Content is the content if it had to be read already, else nil.
	Content []byte
	// Load reads the content. It may be called from any goroutine, at any time,
	// several times. Of content larger than Options.MaxSize it returns
	// MaxSize + 1 bytes.
	Load func() ([]byte, error)
}

// Options say how to walk.
type Options struct {
	// MaxSize is the size in bytes up to which contents are of interest.
	MaxSize int64
	// Problem is told of what cannot be read: a path, a folder, an archive or the
	// rest of one. Nil means nobody is.
	Problem func(name string, err error)
	// Skipped is told of each file that is left out because it is no torrent or
	// litter. Nil means nobody is.
	Skipped func(name string)
	// Consumed is told how many bytes of input have been gone through since it was
	// last called: of files their sizes, of archives what was read of them. Nil
	// means nobody is.
	Consumed func(bytes int64)
}

// Walk yields the torrents of paths, in order: of each path the file itself,
// the files below the folder, the members of the archive, or, if there is no such path
// and it has one of `*?[` in it, what matches it as a pattern. It reads contents no
// further than what is taken from it, and ends when ctx does.
func Walk(ctx context.Context, paths iter.Seq[string], o Options) iter.Seq[File] {
	return func(yield func(File) bool) {
		w := newWalk(ctx, o, yield)
		for path := range paths {
			if w.over() {
				return
			}
			w.named(path)
		}
	}
}

// walk is one Walk.
type walk struct {
	Options
	ctx   context.Context
	yield func(File) bool
	visit func(path string, info fs.FileInfo) // what is done with a file of a folder
	// measures is set if files are only measured.
	measures bool
	stopped  bool
	keys     keyMaker
}

func newWalk(ctx context.Context, o Options, yield func(File) bool) *walk {
	if o.Problem == nil {
		o.Problem = func(string, error) {}
	}
	if o.Skipped == nil {
		o.Skipped = func(string) {}
	}
	if o.Consumed == nil {
		o.Consumed = func(int64) {}
	}
	w := &walk{Options: o, ctx: ctx, yield: yield}
	w.visit = func(path string, info fs.FileInfo) { w.file(path, info, false) }
	return w
}

// Measure returns how many bytes a [Walk] of the paths will consume. It stops
// early when ctx ends.
func Measure(ctx context.Context, paths iter.Seq[string]) int64 {
	var total int64
	w := newWalk(ctx, Options{}, nil)
	w.measures = true
	w.Consumed = func(n int64) { total += n }
	w.visit = func(path string, info fs.FileInfo) { w.Consumed(info.Size()) }
	for path := range paths {
		w.named(path)
	}
	return total
}

// over reports whether nothing more is wanted.
func (w *walk) over() bool { return w.stopped || w.ctx.Err() != nil }

func (w *walk) emit(f File) {
	if !w.over() && !w.yield(f) {
		w.stopped = true
	}
}

// named walks a path that the user gave.
func (w *walk) named(path string) {
	info, err := os.Stat(path)
	if err != nil && os.IsNotExist(err) {
		if matches, _ := filepath.Glob(path); len(matches) > 0 {
			for _, match := range matches {
				w.named(match)
			}
			return
		}
	}
	switch {
	case err != nil:
		w.Problem(path, plain(err))
	case info.IsDir():
		w.folder(path)
	case !info.Mode().IsRegular():
		w.Problem(path, errors.New("neither a file nor a folder"))
	case w.measures:
		w.Consumed(info.Size())
	default:
		w.file(path, info, true)
	}
}

// file walks a regular file. One that the user named is a torrent unless it is
// an archive.
func (w *walk) file(path string, info fs.FileInfo, named bool) {
	switch {
	case isLitter(filepath.Base(path)):
		w.skip(path, info)
	case isTorrentName(path):
		w.emitFile(path, info)
	default:
		w.unfamiliar(path, info, named)
	}
}

// unfamiliar walks a file whose name does not say what it is.
func (w *walk) unfamiliar(path string, info fs.FileInfo, named bool) {
	f, err := os.Open(path)
	if err != nil {
		w.Problem(path, plain(err))
		return
	}
	defer f.Close()
	holds, err := detect(f)
	if err == nil && isArchiveName(path) && (holds == torrent || holds == other) {
		err = errors.New("the archive is empty, damaged or of an unknown kind")
	}
	switch {
	case err != nil:
		w.Problem(path, plain(err))
		w.Consumed(info.Size())
	case holds == tarball:
		w.tar(f, path, info)
	case holds == zipped:
		w.zip(f, path, info)
	case holds == torrent || named:
		w.emitFile(path, info)
	default:
		w.skip(path, info)
	}
}

func (w *walk) skip(path string, info fs.FileInfo) {
	w.Skipped(path)
	w.Consumed(info.Size())
}

func (w *walk) emitFile(path string, info fs.FileInfo) {
	w.emit(File{
		Name: path,
		Key:  w.keys.of(path, info, ""),
		Size: info.Size(),
		Load: func() ([]byte, error) { return readFile(path, w.MaxSize) },
	})
	w.Consumed(info.Size())
}
