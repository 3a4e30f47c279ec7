package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/torrentcache/torrentcache/internal/inflate"
)

// kind is the kind of content that a file has.
type kind int

const (
	other   kind = iota // none of the kinds below
	torrent             // begins as a torrent does, perhaps compressed
	tarball             // tar, perhaps compressed
	zipped
)

// tarBlock is the size of a tar header in bytes.
const tarBlock = 512

// maxWindow bounds the memory that decompressing an archive takes, in bytes; xz -9 needs 64 MiB.
const maxWindow = 128 << 20

// compressions lists the compressions by their first bytes.
var compressions = []struct {
	magic []byte
	open  func(io.Reader) (io.ReadCloser, error)
}{
	{[]byte{0x1f, 0x8b}, openGzip},
	{[]byte("BZh"), func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }},
	{[]byte{0xfd, '7', 'z', 'X', 'Z', 0}, openXZ},
	{[]byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
}

func openGzip(r io.Reader) (io.ReadCloser, error) {
	d, err := inflate.NewGzip(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return nil, err
	}
	return io.NopCloser(d), nil
}

func openXZ(r io.Reader) (io.ReadCloser, error) {
	d, err := xz.NewReader(r)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(d), nil
}

func openZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// decompress returns the content of r without its compression, and whether it was compressed.
func decompress(r io.Reader) (content io.ReadCloser, compressed bool, err error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	head, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	for _, c := range compressions {
		if bytes.HasPrefix(head, c.magic) {
			content, err := c.open(buffered)
			return content, true, err
		}
	}
	return io.NopCloser(buffered), false, nil
}

// detect returns the kind of the content of r. It reads no more than it needs. It fails only if
// reading r fails; broken content is of the kind other.
func detect(r io.Reader) (kind, error) {
	failing := &errorKeeper{r: r}
	buffered := bufio.NewReaderSize(failing, 64<<10)
	head, _ := buffered.Peek(4)
	if bytes.Equal(head, []byte("PK\x03\x04")) || bytes.Equal(head, []byte("PK\x05\x06")) {
		return zipped, nil
	}
	content, _, err := decompress(buffered)
	if err != nil {
		return other, failing.err
	}
	defer content.Close()
	block := make([]byte, tarBlock)
	n, _ := io.ReadFull(content, block)
	switch {
	case looksLikeTorrent(block[:n]):
		return torrent, failing.err
	case n == len(block) && isTarHeader(block):
		return tarball, failing.err
	}
	return other, failing.err
}

// looksLikeTorrent reports whether b begins with a dictionary whose first key has at most 99 bytes,
// as every torrent does.
func looksLikeTorrent(b []byte) bool {
	digit := func(i int) bool { return i < len(b) && '0' <= b[i] && b[i] <= '9' }
	if len(b) < 3 || b[0] != 'd' || !digit(1) {
		return false
	}
	return b[2] == ':' || digit(2) && len(b) > 3 && b[3] == ':'
}

// isTarHeader reports whether block is the first one of a tar archive. An archive without members
// is one too.
func isTarHeader(block []byte) bool {
	_, err := tar.NewReader(bytes.NewReader(block)).Next()
	// A header with a long name continues in further blocks.
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// errorKeeper remembers an error of reading r. A decompressor does not tell it from an error in the
// content.
type errorKeeper struct {
	r   io.Reader
	err error
}

func (k *errorKeeper) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

// unfamiliarMember processes a member whose name does not show its kind. It yields the member if
// the content, perhaps decompressed, begins as a torrent does.
func (w *walk) unfamiliarMember(file File, content []byte) {
	holds, err := detect(bytes.NewReader(content))
	switch {
	case err != nil || holds == other:
		w.Skipped(file.Name)
	case holds == torrent:
		w.emit(file)
	default:
		w.Problem(file.Name, errNested)
	}
}
