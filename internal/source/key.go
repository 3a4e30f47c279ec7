package source

import (
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"path/filepath"
)

// Key stands for a content at a place: a path with size and modification time,
// and for a member of an archive its position in it. A change of a file that
// keeps its size and time goes unnoticed.
type Key [16]byte

// keyMaker makes keys. It remembers the last folder's absolute path, because
// that of each file cost as much as its key.
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

// absolute returns what a name in a folder is appended to for its absolute path.
func absolute(folder string) string {
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute
	}
	return below(folder)
}
