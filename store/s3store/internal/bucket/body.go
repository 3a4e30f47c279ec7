package bucket

import (
	"io"
	"net/http"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// NoRoom is the error of a [store.Room]. It ends the request, but is no failure of it:
// it counts for no budget and nothing is tried again.
type NoRoom struct{ Cause error }

// Error is that of the room.
func (n *NoRoom) Error() string { return n.Cause.Error() }

// readBody returns the body of an answer that [checkAnswer] let pass, so that its length
// is bounded. With a nil room it is all of it. Else the caller wants a torrent, and room
// is asked for its memory, unless the header says that there is none to give. Then the
// header and the texts are returned. A torrent that was removed may still lie behind them:
// it is read past, so that to ask for it takes no memory of its size.
func readBody(resp *http.Response, room store.Room) ([]byte, error) {
	length := int(resp.ContentLength)
	if room == nil {
		body := make([]byte, length)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	head := make([]byte, min(length, object.HeaderSize))
	if _, err := io.ReadFull(resp.Body, head); err != nil {
		return nil, err
	}
	if length == len(head) {
		return head, nil // too short for a torrent
	}
	if h, err := object.ParseHeader(head); err == nil && h.Kind != object.KindTorrent {
		return readTexts(resp.Body, &h, head, length)
	}
	body, err := room(length)
	if err != nil {
		return nil, &NoRoom{err}
	}
	body = body[:length]
	_, err = io.ReadFull(resp.Body, body[copy(body, head):])
	return body, err
}

// readTexts returns head and the texts that follow it in the rest of a body of a length.
func readTexts(rest io.Reader, h *object.Header, head []byte, length int) ([]byte, error) {
	body := make([]byte, min(length, len(head)+int(h.ReasonLength)+int(h.ReferLength)))
	if _, err := io.ReadFull(rest, body[copy(body, head):]); err != nil {
		return nil, err
	}
	_, err := io.Copy(io.Discard, rest) // or the connection is lost
	return body, err
}
