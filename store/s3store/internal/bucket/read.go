package bucket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/store"
)

// MaxObject is the size of the largest object that is read, in bytes. Torrents
// are smaller by far.
const MaxObject = 300 << 20

// Get returns the object of key and its ETag; ErrAbsent if there is none. With
// limit only that many bytes are read from its beginning. With room it is read as
// readBody says; each try asks for its own memory, and the error may be a *NoRoom.
func (b *Bucket) Get(ctx context.Context, key string, limit int, room store.Room) (body []byte, etag string, err error) {
	name := "get"
	if limit > 0 {
		name = "head"
	}
	for n := 0; b.budget.allows(ctx, n); n++ {
		err = b.request(ctx, name, key, limit, func(ctx context.Context) error {
			body, etag, err = b.read(ctx, key, limit, room)
			return err
		})
		if !retryable(err) {
			break
		}
	}
	if errors.Is(err, errEmpty) && limit > 0 {
		return b.Get(ctx, key, 0, room) // a range of nothing cannot be read, not even its ETag
	}
	return body, etag, err
}

// GetWhole is get for what can be checked. Bytes that are not sound may have been
// changed on the way, so they are read once more: what comes twice alike is what the
// engine has, and else nothing is known. Proxies and flaky links are no damage.
func (b *Bucket) GetWhole(ctx context.Context, key string, limit int, room store.Room, sound func(body []byte) bool) (body []byte, etag string, err error) {
	body, etag, err = b.Get(ctx, key, limit, room)
	if err != nil || sound(body) {
		return body, etag, err
	}
	first, firstETag := sha256.Sum256(body), etag // room may give the same memory again
	body, etag, err = b.Get(ctx, key, limit, room)
	if err != nil || sound(body) || etag == firstETag && sha256.Sum256(body) == first {
		return body, etag, err
	}
	return nil, "", &Failure{request: "get", key: key, cause: errDiffers, Again: true}
}

func (b *Bucket) read(ctx context.Context, key string, limit int, room store.Room) ([]byte, string, error) {
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
	body, err := readBody(resp, room)
	if err != nil {
		return nil, "", err
	}
	return body, etagOf(resp), nil
}

func etagOf(resp *http.Response) string { return strings.Trim(resp.Header.Get("ETag"), `"`) }

// checkAnswer returns an error if resp cannot be the object, or not all of it that was
// asked for: its first limit bytes, or the whole with 0. Between here and the engine
// there may be proxies, which have pages and caches of their own.
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
		return fmt.Errorf("the answer is a part of %d bytes, %q, where %d from the beginning were asked for", length, part, limit)
	}
	return nil
}
