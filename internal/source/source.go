// Package source finds torrents in files, in folders and their subfolders, and in tar and zip
// archives, which it reads without unpacking them.
//
// [Walk] goes through any number of paths and yields a [File] for each file that is or may be a
// torrent: every file that is named explicitly; every file below a folder or in an archive whose
// name ends in .torrent, .torrent.gz or .torrent.bz2; and every other file there that begins as a
// torrent does. Walk leaves out files that operating systems add (._*, .DS_Store, Thumbs.db, ...)
// and unfinished downloads (*.part, ...).
//
// Walk recognizes archives by their content, not by their names: tar, plain or compressed with
// gzip, bzip2, xz or zstd, and zip. A file in an archive may itself be compressed with gzip or
// bzip2, as the files in torrage's data folder are. Walk yields it still compressed, since servers
// and clients inflate it.
//
// Memory does not grow with the number of files.
package source

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// File is a file, or a member of an archive, that is or may be a torrent.
type File struct {
	// Name is for people: the path, or `ARCHIVE: MEMBER` for a member.
	Name string
	// Key identifies this content at this place.
	Key Key
	// Size is the size of the stored content in bytes.
	Size int64
	// Content is the content if Walk had to read it, else nil.
	Content []byte
	// Load reads the content. It may be called from any goroutine, at any time, more than once. If
	// the content is larger than Options.MaxSize, Load returns MaxSize + 1 bytes.
	Load func() ([]byte, error)
}

// Options configure a walk.
type Options struct {
	// MaxSize is the size in bytes of the largest content of interest.
	MaxSize int64
	// Problem is called for each thing that cannot be read: a path, a folder, an archive, or the
	// rest of an archive. It may be nil.
	Problem func(name string, err error)
	// Skipped is called for each file left out, as litter or because it is no torrent. It may be
	// nil.
	Skipped func(name string)
	// Consumed is called with the number of input bytes processed since the last call: the size of
	// each file, and the bytes read of each archive. It may be nil.
	Consumed func(bytes int64)
}

// Walk yields the torrents of paths, in order. A path may be a file, a folder, or an archive. If a
// path does not exist and has one of `*?[` in it, Walk takes it as a pattern. Walk reads contents
// no further than the caller consumes them, and ends when ctx does.
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

// walk is the state of one Walk.
type walk struct {
	Options
	ctx   context.Context
	yield func(File) bool
	visit func(path string, info fs.FileInfo) // called for each file of a folder
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

// over reports whether the walk should end.
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

// file walks a regular file. A file that the user named counts as a torrent unless it is an
// archive.
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

// unfamiliar walks a file whose name says neither that it is a torrent nor that it is litter.
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

// Key identifies a content at a place. It is made from the path, size and modification time of a
// file and, for a member of an archive, from its position there. If a file changes and keeps its
// size and time, its Key stays the same.
type Key [16]byte

// keyMaker makes keys. It remembers the absolute path of the last folder, because finding it costs
// as much as making a key.
type keyMaker struct {
	folder, absolute string
	buffer           []byte
}

// of returns the key of a file, or of the member at a position of an archive.
func (k *keyMaker) of(path string, info fs.FileInfo, position string) Key {
	folder, name := filepath.Split(path)
	if k.absolute == "" || folder != k.folder {
		k.folder, k.absolute = folder, absolute(folder)
	}
	b := append(append(append(k.buffer[:0], k.absolute...), name...), 0)
	b = binary.BigEndian.AppendUint64(b, uint64(info.Size()))
	b = binary.BigEndian.AppendUint64(b, uint64(info.ModTime().UnixNano()))
	k.buffer = append(b, position...)
	sum := sha256.Sum256(k.buffer)
	return Key(sum[:])
}

// absolute returns the prefix that makes a name in folder an absolute path.
func absolute(folder string) string {
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute
	}
	return below(folder)
}
