package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// gzipName is the name of gzip in calls that are compressed with it.
const gzipName = "gzip"

// gzipCalls inflates the messages of calls that are compressed with gzip. It has the same bounds of
// number and memory as the inflating of compressed uploads. grpc's own decompressor has none.
type gzipCalls struct {
	limits  *limit.Limits // nil: there are none
	reserve wire.Reserve  // nil if limits is nil
	largest int           // the size of the largest message, in bytes
}

// options returns the options of a server that takes calls compressed with gzip.
func (g gzipCalls) options() []grpc.ServerOption {
	//lint:ignore SA1019 encoding.RegisterCompressor is for all servers and clients of a process, and cannot know the limits of one
	return []grpc.ServerOption{grpc.RPCDecompressor(g)}
}

// Type implements grpc.Decompressor.
func (gzipCalls) Type() string { return gzipName }

// Do implements grpc.Decompressor. For a message that it cannot inflate, it returns the mark of a
// [wire.Failure].
func (g gzipCalls) Do(r io.Reader) ([]byte, error) {
	compressed, err := io.ReadAll(r) // its size was held to the limit before
	if err != nil {
		return nil, err
	}
	if g.limits == nil {
		return g.inflate(compressed), nil
	}
	done, err := g.limits.Inflate(context.Background()) // grpc passes no context
	if err != nil {
		return wire.NoMemory.Mark(), nil
	}
	defer done()
	free, ok := g.reserve(int(inflate.Memory(int64(g.largest)))+len(compressed), false)
	if !ok {
		return wire.NoMemory.Mark(), nil
	}
	message := g.inflate(compressed)
	free()
	return g.keep(message), nil
}

// keep counts the memory of a message until the garbage collector frees the message.
func (g gzipCalls) keep(message []byte) []byte {
	if len(message) == 0 || wire.FailureOf(message) != wire.Sound {
		return message
	}
	free, ok := g.reserve(cap(message), false)
	if !ok {
		return wire.NoMemory.Mark()
	}
	runtime.AddCleanup(&message[0], func(free func()) { free() }, free)
	return message
}

func (g gzipCalls) inflate(compressed []byte) []byte {
	message, err := inflate.Inflate(compressed, int64(g.largest))
	switch {
	case errors.Is(err, inflate.ErrTooLarge):
		return wire.TooLarge.Mark()
	case err != nil || !bytes.HasPrefix(compressed, []byte{0x1f, 0x8b}):
		return wire.Damaged.Mark()
	}
	return message
}

// answerPlain makes grpc send the answer of a call from the network uncompressed, even if the call
// was compressed, because torrents hardly shrink.
func answerPlain(ctx context.Context) {
	if encoding.GetCompressor(gzipName) != nil {
		_ = grpc.SetSendCompressor(ctx, encoding.Identity) // it fails in process, where nothing is compressed
	}
}
