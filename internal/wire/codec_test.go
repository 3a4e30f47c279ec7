package wire_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/grpc/encoding"
	standardproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/wire"
)

var standard = encoding.GetCodecV2(standardproto.Name)

// frames cuts b as HTTP/2 does, into buffers that are overwritten when freed.
func frames(b []byte, size int) mem.BufferSlice {
	var s mem.BufferSlice
	for len(b) > 0 {
		n := min(size, len(b))
		part := bytes.Clone(b[:n])
		s = append(s, mem.NewBuffer(&part, shredder{}))
		b = b[n:]
	}
	return s
}

// shredder is a pool that makes every use of freed memory show.
type shredder struct{}

func (shredder) Get(n int) *[]byte { b := make([]byte, n); return &b }

func (shredder) Put(b *[]byte) {
	for i := range *b {
		(*b)[i] = 0xDB
	}
}

func TestEveryMessageIsOnTheWireAsTheStandardCodecPutsIt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	codec := wire.NewCodec(nil, 0)
	for _, empty := range everyMessage(t) {
		t.Run(string(empty.ProtoReflect().Descriptor().Name()), func(t *testing.T) {
			for range 200 {
				m := proto.Clone(empty)
				fill(r, m.ProtoReflect())
				want, err := standard.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				got, err := codec.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Materialize(), want.Materialize()) {
					t.Fatalf("%x\nwant %x", got.Materialize(), want.Materialize())
				}
				checkUnmarshal(t, codec, empty, got.Materialize(), 1+r.IntN(20_000))
			}
		})
	}
}

// checkUnmarshal requires that both codecs say the same of b.
func checkUnmarshal(t *testing.T, codec wire.Codec, empty proto.Message, b []byte, frame int) {
	t.Helper()
	got, want := dirty(empty), dirty(empty)
	gotErr, wantErr := unmarshal(codec, b, frame, got), unmarshal(standard, b, frame, want)
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
		t.Fatalf("error %v, want %v", gotErr, wantErr)
	}
	if gotErr == nil && !proto.Equal(got, want) {
		t.Fatalf("%v\nwant %v", got, want)
	}
}

// dirty returns a message in which something stands already.
func dirty(empty proto.Message) proto.Message {
	m := proto.Clone(empty)
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1))
	if response, ok := m.(*torrentcachev1.GetTorrentResponse); ok {
		response.Torrent = []byte("from before")
	}
	return m
}

func unmarshal(codec encoding.CodecV2, b []byte, frame int, into proto.Message) error {
	data := frames(b, frame)
	err := codec.Unmarshal(data, into)
	data.Free()
	return err
}

func TestASentTorrentIsNotCopied(t *testing.T) {
	torrent := make([]byte, 50_000)
	for _, m := range []proto.Message{
		&torrentcachev1.GetTorrentResponse{Torrent: torrent, InfoHash: "A"},
		&torrentcachev1.CacheTorrentRequest{Torrent: torrent, ExpectedInfoHash: "A"},
	} {
		data, err := wire.NewCodec(nil, 0).Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		shared := false
		for _, b := range data {
			shared = shared || b.Len() == len(torrent) && &b.ReadOnlyData()[0] == &torrent[0]
		}
		if !shared {
			t.Errorf("%T: the torrent was copied", m)
		}
	}
}

func TestAReceivedTorrentIsCopiedOnce(t *testing.T) {
	const size = 1 << 20
	sent, err := standard.Marshal(&torrentcachev1.CacheTorrentsRequest{ItemId: 1, Torrent: make([]byte, size), ExpectedInfoHash: "A"})
	if err != nil {
		t.Fatal(err)
	}
	data := frames(sent.Materialize(), 16<<10)
	codec, m := wire.NewCodec(nil, 0), &torrentcachev1.CacheTorrentsRequest{}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := codec.Unmarshal(data, m); err != nil {
				b.Fatal(err)
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > size*3/2 {
		t.Errorf("%d bytes allocated for a torrent of %d", got, size)
	}
	if cap(m.GetTorrent()) != len(m.GetTorrent()) {
		t.Error("appending to the torrent would write over the rest of the message")
	}
}

func TestTextThatIsNotUTF8IsRefusedAsBefore(t *testing.T) {
	m := &torrentcachev1.GetTorrentResponse{Torrent: make([]byte, 50_000), Etag: "\xff"}
	_, want := standard.Marshal(m)
	if _, got := wire.NewCodec(nil, 0).Marshal(m); got == nil || want == nil || got.Error() != want.Error() {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTheNameIsTheStandardOne(t *testing.T) {
	if got := wire.NewCodec(nil, 0).Name(); got != standard.Name() {
		t.Errorf("%q: clients would be told another content type", got)
	}
}

func FuzzUnmarshal(f *testing.F) {
	whole := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	torrent := bytes.Repeat([]byte("d4:info"), 20)
	upload := whole(&torrentcachev1.CacheTorrentRequest{Torrent: torrent, ExpectedInfoHash: "AB"})
	item := whole(&torrentcachev1.CacheTorrentsRequest{ItemId: 7, Torrent: torrent, ExpectedInfoHash: "AB"})
	for _, seed := range [][]byte{
		nil, upload, item, append(upload, upload...), append(upload, 0x0a, 0x00), append(upload, 0x08, 0x01), upload[:40],
		{0x0a}, {0x0a, 0x80}, {0x0a, 0x05, 1}, {0x0b, 0x0a, 0x01, 0x01, 0x0c}, {0x0c}, {0x00}, {0x12, 0x01, 0xff}, {0x0f},
		{0xfa, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00}, {0x8a, 0x00, 0x01, 0x41},
		{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
	} {
		f.Add(seed, uint16(3))
	}
	codec := wire.NewCodec(nil, 0)
	f.Fuzz(func(t *testing.T, b []byte, frame uint16) {
		for _, empty := range []proto.Message{
			&torrentcachev1.CacheTorrentRequest{}, &torrentcachev1.CacheTorrentsRequest{}, &torrentcachev1.GetTorrentResponse{},
		} {
			checkUnmarshal(t, codec, empty, b, 1+int(frame))
		}
	})
}
