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

// gzipName is how calls that are compressed with gzip name it.
const gzipName = "gzip"

// gzipCalls inflates the messages of such calls: as many at a time, and in as much memory,
// as uploads that are compressed themselves. grpc's own decompressor knows no such bounds.
type gzipCalls struct {
	limits  *limit.Limits // nil: there are none
	reserve wire.Reserve  // nil with limits
	largest int           // message, in bytes
}

// options returns the options of a server that takes such calls.
func (g gzipCalls) options() []grpc.ServerOption {
	//lint:ignore SA1019 encoding.RegisterCompressor is for all servers and clients of a process, and cannot know the limits of one
	return []grpc.ServerOption{grpc.RPCDecompressor(g)}
}

// Type implements grpc.Decompressor.
func (gzipCalls) Type() string { return gzipName }

// Do implements grpc.Decompressor. In the place of a message that it cannot inflate it
// returns the mark of a [wire.Failure].
func (g gzipCalls) Do(r io.Reader) ([]byte, error) {
	compressed, err := io.ReadAll(r) // its size was held to the limit before
	if err != nil {
		return nil, err
	}
	if g.limits == nil {
		return g.inflate(compressed), nil
	}
	done, err := g.limits.Inflate(context.Background()) // grpc tells no context
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

// keep takes the memory of a message for as long as it is there.
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

// answerPlain has the answer of a call from the network sent as it is, also where grpc
// could compress it as its call was: torrents hardly shrink.
func answerPlain(ctx context.Context) {
	if encoding.GetCompressor(gzipName) != nil {
		_ = grpc.SetSendCompressor(ctx, encoding.Identity) // it fails in process, where nothing is compressed
	}
}
