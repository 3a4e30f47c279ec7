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

// envelopeSize is how many bytes a body may have besides its torrent.
const envelopeSize = 64 << 10

// plainBody is the body of a request with its Content-Encoding removed. Its Read returns io.EOF or
// a *reason.Error.
type plainBody struct {
	io.Reader
	most int64 // the most bytes it has
}

// openBody returns the body of r with its Content-Encoding, gzip or deflate, removed. Neither the
// body nor its inflated content may have more than most bytes; more is TORRENT_TOO_LARGE. If the
// Content-Length is larger than that, openBody fails before it reads anything. Both the body and
// its inflated content take memory from the request's reservation.
func (h *Handler) openBody(r *http.Request, most int64) (plainBody, *reason.Error) {
	if r.ContentLength > most {
		return plainBody{}, h.sizeError()
	}
	sent := h.bound(r.Body, most)
	var plain io.Reader
	var err error
	switch coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
		if r.ContentLength >= 0 {
			most = r.ContentLength
		}
		return plainBody{sent, most}, nil
	case "gzip", "x-gzip":
		plain, err = gzip.NewReader(sent)
	case "deflate":
		plain, err = openDeflate(sent)
	default:
		return plainBody{}, reason.New(reason.MediaUnsupported, "Content-Encoding %q is not understood; send gzip, deflate or none.", coding)
	}
	if err != nil {
		return plainBody{}, damaged(err)
	}
	return plainBody{h.bound(limit.Inflated(r.Context(), plain), most), most}, nil
}

// openDeflate tells zlib data, which HTTP calls deflate (RFC 9110, section 8.4.1.2), from the bare
// deflate data that many clients send.
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

// bounded reads at most limit bytes of r. More bytes are TORRENT_TOO_LARGE; any other error is
// REQUEST_INVALID.
type bounded struct {
	r        io.Reader
	left     int64
	tooLarge *reason.Error
	err      error // the result of every Read after the first error
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
	if b.err = err; err != nil && err != io.EOF {
		b.err = damaged(err)
	}
	return n, b.err
}

// damaged returns the reason why a body cannot be read.
func damaged(err error) *reason.Error {
	if e, ok := errors.AsType[*reason.Error](err); ok {
		return e
	}
	return reason.New(reason.RequestInvalid, "The body ended early or is damaged; send it whole.").Because(err)
}

func (h *Handler) sizeError() *reason.Error {
	return reason.New(reason.TorrentTooLarge, "It may have %d bytes at most.", h.maxTorrentSize)
}

// noteRefusal calls tooLarge if this door refused an upload for its size.
func (h *Handler) noteRefusal(e *reason.Error) {
	if e != nil && e.Reason == reason.TorrentTooLarge {
		h.tooLarge()
	}
}
