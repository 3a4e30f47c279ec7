package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// maxPooled is up to which size buffers are kept to be used again, in bytes.
const maxPooled = 1 << 20

// torrentWriter writes GetTorrentResponse as JSON. protojson takes several times
// as long for the bytes, and new memory for each answer. It is safe for
// concurrent use.
type torrentWriter struct{ buffers sync.Pool }

// write answers with m, whose JSON the Hold of ctx has the memory for.
func (t *torrentWriter) write(ctx context.Context, w http.ResponseWriter, m *torrentcachev1.GetTorrentResponse) error {
	const others = 1 << 10 // bytes of the other fields, at most
	if err := limit.HoldOf(ctx).Take(ctx, int64(base64.StdEncoding.EncodedLen(len(m.GetTorrent()))+others)); err != nil {
		return err
	}
	buffer, ok := t.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	text, err := appendTorrent((*buffer)[:0], m)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // a client that left needs no answer
	if cap(text) <= maxPooled {
		*buffer = text
		t.buffers.Put(buffer)
	}
	return nil
}

// appendTorrent appends m as marshalJSON writes it: protojson gets it without
// the torrent, which then goes where protojson put an empty one.
func appendTorrent(b []byte, m *torrentcachev1.GetTorrentResponse) ([]byte, error) {
	rest, err := marshalJSON.Marshal(wire.WithTorrent(m, nil))
	if err != nil {
		return nil, err
	}
	empty := bytes.Index(rest, []byte(`""`))
	if empty < 0 || !bytes.HasPrefix(rest, []byte(`{"torrent":`)) {
		return nil, errors.New("protojson does not begin with the first field")
	}
	b = slices.Grow(b, len(rest)+base64.StdEncoding.EncodedLen(len(m.GetTorrent())))
	b = append(b, rest[:empty+1]...)
	b = base64.StdEncoding.AppendEncode(b, m.GetTorrent())
	return append(b, rest[empty+1:]...), nil
}
