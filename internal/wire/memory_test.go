package wire_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// hold returns a message with memory, and how often that was given back.
func hold(m any) (wire.Held, *atomic.Int64) {
	freed := &atomic.Int64{}
	return wire.Held{Message: m, Free: func() { freed.Add(1) }}, freed
}

func TestAHeldMessageIsOnTheWireLikeTheMessage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	codec := wire.NewCodec(nil, 0)
	for _, empty := range everyMessage(t) {
		for range 20 {
			m := proto.Clone(empty)
			fill(r, m.ProtoReflect())
			want, err := standard.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			h, freed := hold(m)
			got, err := codec.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Materialize(), want.Materialize()) {
				t.Fatalf("%T: %x\nwant %x", m, got.Materialize(), want.Materialize())
			}
			got.Free()
			if n := freed.Load(); n != 1 {
				t.Fatalf("%T of %d bytes: given back %d times", m, want.Len(), n)
			}
		}
	}
}

// The transport holds one more reference to a message until it is sent, and frees the
// parts that it has split one by one.
func TestMemoryIsHeldWhileTheTransportHasIt(t *testing.T) {
	for name, m := range map[string]proto.Message{
		"a torrent":     &torrentcachev1.GetTorrentResponse{Torrent: make([]byte, 50_000)},
		"a description": &torrentcachev1.DescribeTorrentResponse{Comment: string(make([]byte, 50_000))},
	} {
		h, freed := hold(m)
		data, err := wire.NewCodec(nil, 0).Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		data.Ref()
		data.Free() // the handler's end
		if freed.Load() != 0 {
			t.Errorf("%s: given back while the transport has it", name)
		}
		reader := data.Reader()
		data.Free()
		if _, err := reader.Discard(10_000); err != nil || freed.Load() != 0 {
			t.Errorf("%s: given back before all of it is sent: %v", name, err)
		}
		_ = reader.Close()
		if n := freed.Load(); n != 1 {
			t.Errorf("%s: given back %d times", name, n)
		}
	}
}

// Grpc has no end for the smallest buffers: their memory is given back at once.
func TestASmallMessageIsNotHeld(t *testing.T) {
	for _, m := range []proto.Message{
		&torrentcachev1.GetTorrentResponse{}, &torrentcachev1.GetTorrentResponse{Torrent: make([]byte, 1000)},
		&torrentcachev1.DescribeTorrentResponse{Name: "a"},
	} {
		h, freed := hold(m)
		data, err := wire.NewCodec(nil, 0).Marshal(h)
		if err != nil || freed.Load() != 1 {
			t.Errorf("%v, given back %d times", err, freed.Load())
		}
		data.Free()
		if freed.Load() != 1 {
			t.Error("given back again")
		}
	}
}

func TestAMessageThatCannotBeSentIsGivenBack(t *testing.T) {
	for name, m := range map[string]any{
		"large": &torrentcachev1.GetTorrentResponse{Torrent: make([]byte, 50_000), Etag: "\xff"},
		"small": &torrentcachev1.GetTorrentResponse{Etag: "\xff"},
		"none":  "a string",
	} {
		h, freed := hold(m)
		if _, err := wire.NewCodec(nil, 0).Marshal(h); err == nil || freed.Load() != 1 {
			t.Errorf("%s: %v, given back %d times", name, err, freed.Load())
		}
	}
}

func TestAMessageForWhichThereIsNoMemory(t *testing.T) {
	full := false
	codec := wire.NewCodec(func(n int, patient bool) (func(), bool) {
		full = true
		if n < 50_000 {
			t.Errorf("%d bytes are asked for", n)
		}
		return func() { t.Error("what was not given is given back") }, false
	}, 0)
	for _, c := range []struct{ sent, got uploaded }{
		{&torrentcachev1.CacheTorrentRequest{Torrent: make([]byte, 50_000)}, &torrentcachev1.CacheTorrentRequest{}},
		{&torrentcachev1.CacheTorrentsRequest{Torrent: make([]byte, 50_000)}, &torrentcachev1.CacheTorrentsRequest{}},
		{&torrentcachev1.GetTorrentResponse{Torrent: make([]byte, 50_000)}, &torrentcachev1.GetTorrentResponse{}},
	} {
		b, err := proto.Marshal(c.sent)
		if err != nil {
			t.Fatal(err)
		}
		full = false
		if err := unmarshal(codec, b, 16<<10, c.got); err != nil || !full || !wire.WithoutMemory(c.got.GetTorrent()) {
			t.Errorf("%T: %v, asked %v, %d bytes", c.sent, err, full, len(c.got.GetTorrent()))
		}
	}
	for _, sent := range [][]byte{nil, {}, {0}, {1, 2}} {
		if wire.WithoutMemory(sent) {
			t.Errorf("%v, as a client may send it, counts as none", sent)
		}
	}
}

type uploaded interface {
	proto.Message
	GetTorrent() []byte
}

// Streams can wait. The memory of a message is given back when nobody has its torrent.
func TestReservedMemoryIsGivenBackAsGarbage(t *testing.T) {
	var freed atomic.Int64
	var patients []bool
	codec := wire.NewCodec(func(n int, patient bool) (func(), bool) {
		patients = append(patients, patient)
		return func() { freed.Add(1) }, true
	}, 0)
	call, item := &torrentcachev1.CacheTorrentRequest{}, &torrentcachev1.CacheTorrentsRequest{}
	for _, c := range []struct{ sent, got proto.Message }{
		{&torrentcachev1.CacheTorrentRequest{Torrent: bytes.Repeat([]byte("a"), 50_000)}, call},
		{&torrentcachev1.CacheTorrentsRequest{Torrent: bytes.Repeat([]byte("a"), 50_000), ItemId: 1}, item},
	} {
		b, err := proto.Marshal(c.sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, c.got); err != nil || !proto.Equal(c.got, c.sent) {
			t.Fatalf("%v, or another message", err)
		}
	}
	if len(patients) != 2 || patients[0] || !patients[1] {
		t.Errorf("patient are %v", patients)
	}
	torrent := call.GetTorrent()
	call, item = nil, nil
	collect(t, &freed, 1)
	runtime.GC()
	if n := freed.Load(); n != 1 {
		t.Errorf("given back %d times while one torrent is in use", n)
	}
	runtime.KeepAlive(torrent)
	torrent = nil
	collect(t, &freed, 2)
}

// collect runs the collector until freed is want.
func collect(t *testing.T, freed *atomic.Int64, want int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); freed.Load() != want; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("given back %d times, want %d", freed.Load(), want)
		}
		runtime.GC()
	}
}

// A broken message holds no memory.
func TestABrokenMessageIsGivenBack(t *testing.T) {
	var freed atomic.Int64
	codec := wire.NewCodec(func(int, bool) (func(), bool) { return func() { freed.Add(1) }, true }, 0)
	b := append([]byte{0x0a, 0xff, 0xff, 0xff, 0x0f}, make([]byte, 5000)...)
	if err := unmarshal(codec, b, 1000, &torrentcachev1.CacheTorrentRequest{}); err == nil {
		t.Error("it is taken")
	}
	collect(t, &freed, 1)
}

func TestOtherMessagesHaveABound(t *testing.T) {
	codec := wire.NewCodec(nil, 1000)
	for _, size := range []int{10, 990, 1100} {
		data, err := codec.Marshal(&torrentcachev1.GetTorrentRequest{InfoHash: strings.Repeat("x", size)})
		if err != nil {
			t.Fatal(err)
		}
		err = codec.Unmarshal(data, &torrentcachev1.GetTorrentRequest{})
		if (err == nil) != (size <= 990) {
			t.Errorf("a message of %d bytes: %v", data.Len(), err)
		}
	}
	data, err := codec.Marshal(&torrentcachev1.CacheTorrentRequest{Torrent: make([]byte, 5000)})
	if err != nil {
		t.Fatal(err)
	}
	if err := codec.Unmarshal(data, &torrentcachev1.CacheTorrentRequest{}); err != nil {
		t.Errorf("a torrent of 5000 bytes: %v", err)
	}
}
