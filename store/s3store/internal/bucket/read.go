package bucket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// MaxObject is the maximum size of an object that is read, in bytes. Torrents are far smaller.
const MaxObject = 300 << 20

// Get returns the object of key and its ETag, or ErrAbsent. With a limit it reads only that many
// bytes from the beginning. With an alloc it reads as readBody says: each try asks for its own
// memory, and the error may be a *NoRoom.
func (b *Bucket) Get(ctx context.Context, key string, limit int, alloc store.Alloc) (body []byte, etag string, err error) {
	name := "get"
	if limit > 0 {
		name = "head"
	}
	for n := 0; b.budget.allows(ctx, n); n++ {
		err = b.request(ctx, name, key, limit, func(ctx context.Context) error {
			body, etag, err = b.read(ctx, key, limit, alloc)
			return err
		})
		if !retryable(err) {
			break
		}
	}
	if errors.Is(err, errEmpty) && limit > 0 {
		return b.Get(ctx, key, 0, alloc) // an empty object has no range to read, and such an answer has no ETag
	}
	return body, etag, err
}

// GetWhole is Get for an object that sound can check. Bytes that are not sound may have been
// damaged in transit, so GetWhole reads them once more. If both reads agree, the engine has
// those bytes; otherwise nothing is known. This way proxies and flaky links do not count as
// damage.
func (b *Bucket) GetWhole(ctx context.Context, key string, limit int, alloc store.Alloc, sound func(body []byte) bool) (body []byte, etag string, err error) {
	body, etag, err = b.Get(ctx, key, limit, alloc)
	if err != nil || sound(body) {
		return body, etag, err
	}
	first, firstETag := sha256.Sum256(body), etag // alloc may return the same memory again
	body, etag, err = b.Get(ctx, key, limit, alloc)
	if err != nil || sound(body) || etag == firstETag && sha256.Sum256(body) == first {
		return body, etag, err
	}
	return nil, "", &Failure{request: "get", key: key, cause: errDiffers, Again: true}
}

func (b *Bucket) read(ctx context.Context, key string, limit int, alloc store.Alloc) ([]byte, string, error) {
	header := http.Header{}
	if limit > 0 {
		header["Range"] = []string{"bytes=0-" + strconv.Itoa(limit-1)}
	}
	resp, err := b.wire.get(ctx, key, header)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if err := checkAnswer(resp, limit); err != nil {
		return nil, "", err
	}
	body, err := readBody(resp, alloc)
	if err != nil {
		return nil, "", err
	}
	return body, etagOf(resp), nil
}

func etagOf(resp *http.Response) string { return strings.Trim(resp.Header.Get("ETag"), `"`) }

// checkAnswer returns an error if resp cannot be the object, or is not the requested part: its
// first limit bytes, or all of it if limit is 0. Proxies between here and the engine have pages
// and caches of their own.
func checkAnswer(resp *http.Response, limit int) error {
	length := resp.ContentLength
	switch {
	case length < 0 || length > MaxObject:
		return fmt.Errorf("the object has %d bytes, at most %d are read", length, MaxObject)
	case etagOf(resp) == "":
		return errNoETag
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html"):
		return errors.New("the answer is a web page, so it is not the object store's")
	case resp.StatusCode == http.StatusOK:
		return nil
	}
	part := resp.Header.Get("Content-Range")
	size, err := strconv.ParseInt(part[strings.LastIndexByte(part, '/')+1:], 10, 64)
	want := min(int64(limit), size)
	if err != nil || length != want || part != fmt.Sprintf("bytes 0-%d/%d", want-1, size) {
		return fmt.Errorf("the answer has %d bytes (Content-Range %q), but the first %d bytes were requested", length, part, limit)
	}
	return nil
}

// AllocError wraps the error of a [store.Alloc]. It ends the request but is no failure of it: no
// budget counts it, and nothing is retried.
type AllocError struct{ Cause error }

// Error returns the error of the Alloc.
func (n *AllocError) Error() string { return n.Cause.Error() }

// readBody returns the body of an answer that [checkAnswer] accepted, so its length is bounded.
// With a nil alloc it returns all of it. Otherwise the caller wants a torrent. If the header
// shows one, readBody asks alloc for the memory of the body. If the header shows none, it returns
// the header and the texts, and discards the bytes of a removed torrent, so that requests for
// removed torrents take little memory.
func readBody(resp *http.Response, alloc store.Alloc) ([]byte, error) {
	length := int(resp.ContentLength)
	if alloc == nil {
		body := make([]byte, length)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	head := make([]byte, min(length, object.HeaderSize))
	if _, err := io.ReadFull(resp.Body, head); err != nil {
		return nil, err
	}
	if length == len(head) {
		return head, nil // a header alone, or less
	}
	if h, err := object.ParseHeader(head); err == nil && h.Kind != object.KindTorrent {
		return readTexts(resp.Body, &h, head, length)
	}
	body, err := alloc(length)
	if err != nil {
		return nil, &AllocError{err}
	}
	body = body[:length]
	_, err = io.ReadFull(resp.Body, body[copy(body, head):])
	return body, err
}

// readTexts returns head and the texts that follow it, and discards the rest of a body of length
// bytes.
func readTexts(rest io.Reader, h *object.Header, head []byte, length int) ([]byte, error) {
	body := make([]byte, min(length, len(head)+int(h.ReasonLength)+int(h.ReferLength)))
	if _, err := io.ReadFull(rest, body[copy(body, head):]); err != nil {
		return nil, err
	}
	_, err := io.Copy(io.Discard, rest) // so that the connection can be reused
	return body, err
}
