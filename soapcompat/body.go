package soapcompat

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// envelopeSize is what a body may have around its torrent, in bytes.
const envelopeSize = 64 << 10

// plainBody is the body of a request without its Content-Encoding. Every error of its reader
// but io.EOF is a *reason.Error.
type plainBody struct {
	io.Reader
	most int64 // how many bytes it has at most
}

// openBody returns the body of r without its Content-Encoding, which may be
// gzip or deflate. Neither what is sent nor what comes out may be larger than
// most bytes: by Content-Length that is TORRENT_TOO_LARGE before anything is
// read, else while reading. What comes out takes memory of the request's as what is sent does.
func (h *Handler) openBody(r *http.Request, most int64) (plainBody, *reason.Error) {
	if r.ContentLength > most {
		return plainBody{}, h.sizeError()
	}
	sent := h.bound(r.Body, most)
	var open func() (io.Reader, error)
	switch coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
		if r.ContentLength >= 0 {
			most = r.ContentLength
		}
		return plainBody{sent, most}, nil
	case "gzip", "x-gzip":
		open = func() (io.Reader, error) { return gzip.NewReader(sent) }
	case "deflate":
		open = func() (io.Reader, error) { return openDeflate(sent) }
	default:
		return plainBody{}, reason.New(reason.MediaUnsupported, "Content-Encoding %q is not understood; send gzip, deflate or none.", coding)
	}
	return plainBody{h.bound(limit.Inflated(r.Context(), &lateReader{open: open}), most), most}, nil
}

// openDeflate tells zlib data, which HTTP means by deflate (RFC 9110, section
// 8.4.1.2), from the bare deflate data that many clients send.
func openDeflate(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(2)
	if err != nil {
		return nil, err
	}
	const method, check = 0x0f, 31 // RFC 1950, section 2.2: CM is 8, and the header a multiple of 31
	if head[0]&method == 8 && (uint(head[0])<<8|uint(head[1]))%check == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}

// lateReader opens its reader at the first Read, so that opening, which reads,
// is a step of reading the body and fails like one.
type lateReader struct {
	open func() (io.Reader, error)
	r    io.Reader
}

func (l *lateReader) Read(p []byte) (int, error) {
	if l.r == nil {
		r, err := l.open()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		l.r = r
	}
	return l.r.Read(p)
}

// bounded gives at most limit bytes of r; more is TORRENT_TOO_LARGE, and
// whatever else breaks REQUEST_INVALID.
type bounded struct {
	r        io.Reader
	left     int64
	tooLarge *reason.Error
	err      error // what every Read after the first error returns
}

func (h *Handler) bound(r io.Reader, limit int64) *bounded {
	return &bounded{r: r, left: limit, tooLarge: h.sizeError()}
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), b.tooLarge
	}
	b.left -= int64(n)
	b.err = asReason(err)
	return n, b.err
}

func asReason(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if e, ok := errors.AsType[*reason.Error](err); ok {
		return e
	}
	return reason.New(reason.RequestInvalid, "The body ended early or is damaged; send it whole.").Because(err)
}

func (h *Handler) sizeError() *reason.Error {
	return reason.New(reason.TorrentTooLarge, "It may have %d bytes at most.", h.maxTorrentSize)
}

// noteRefusal tells of what this door has refused if it was for its size.
func (h *Handler) noteRefusal(e *reason.Error) {
	if e != nil && e.Reason == reason.TorrentTooLarge {
		h.tooLarge()
	}
}
