package inflate

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bzip2OfHello returns "hello, hello, hello\n" as bzip2 compresses it; the standard
// library has no compressor.
func bzip2OfHello(t testing.TB) []byte {
	t.Helper()
	return read(t, "hello.bz2")
}

// read returns a file of testdata; its README says how each was made.
func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInflate(t *testing.T) {
	const hello = "hello, hello, hello\n"
	gz, bz := gzipped(t, []byte(hello)), bzip2OfHello(t)
	zeros := make([]byte, 1<<20)
	tests := []struct {
		name  string
		in    []byte
		limit int64
		want  string
		err   error
	}{
		{"plain data is returned", []byte("d4:infodee"), 5, "d4:infodee", nil},
		{"no data", nil, 5, "", nil},
		{"gzip", gz, 100, hello, nil},
		{"gzip, exactly the limit", gz, int64(len(hello)), hello, nil},
		{"gzip, one over the limit", gz, int64(len(hello)) - 1, "", ErrTooLarge},
		{"gzip, limit 0", gz, 0, "", ErrTooLarge},
		{"gzip of nothing, limit 0", gzipped(t, nil), 0, "", nil},
		{"gzip cut short in its header", gz[:6], 100, "", ErrCorrupt},
		{"gzip cut short in its data", gz[:15], 100, "", ErrCorrupt},
		{"gzip cut short in its checksum", gz[:len(gz)-1], 100, "", ErrCorrupt},
		{"gzip with a wrong checksum", flip(gz, len(gz)-6), 100, "", ErrCorrupt},
		{"gzip and garbage", append(bytes.Clone(gz), "garbage"...), 100, "", ErrCorrupt},
		{"gzip and zeros", slices.Concat(gz, zeros), 100, hello, nil},
		{"gzip and a zero", append(bytes.Clone(gz), 0), 100, hello, nil},
		{"gzip, zeros and garbage", slices.Concat(gz, zeros, []byte{'x'}), 100, "", ErrCorrupt},
		{"gzip, zeros and another member", slices.Concat(gz, zeros, gz), 100, "", ErrCorrupt},
		{"gzip and a byte", append(bytes.Clone(gz), 'x'), 100, "", ErrCorrupt},
		{"two gzip members", append(bytes.Clone(gz), gz...), 100, hello + hello, nil},
		{"gzip in gzip: one layer is undone", gzipped(t, gz), 1000, string(gz), nil},
		{"gzip magic only", gz[:2], 100, "", ErrCorrupt},
		{"bzip2", bz, 100, hello, nil},
		{"bzip2, exactly the limit", bz, int64(len(hello)), hello, nil},
		{"bzip2, one over the limit", bz, int64(len(hello)) - 1, "", ErrTooLarge},
		{"bzip2 cut short", bz[:len(bz)-1], 100, "", ErrCorrupt},
		{"bzip2 with a wrong checksum", flip(bz, 12), 100, "", ErrCorrupt},
		{"bzip2 and garbage", append(bytes.Clone(bz), "garbage"...), 100, "", ErrCorrupt},
		{"two bzip2 streams", append(bytes.Clone(bz), bz...), 100, hello + hello, nil},
		{"gzip, no limit to speak of", gz, math.MaxInt64, hello, nil},
		{"bzip2 magic only", []byte("BZh"), 100, "", ErrCorrupt},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Inflate(test.in, test.limit)
			if !errors.Is(err, test.err) || string(got) != test.want {
				t.Errorf("got %q and %v, want %q and %v", got, err, test.want, test.err)
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x40
	return b
}

// Data cut short at any byte is refused, with an error that says so.
func TestCutShort(t *testing.T) {
	wholes := map[string][]byte{"gzip": gzipped(t, []byte("hello, hello, hello\n")), "bzip2": bzip2OfHello(t)}
	for name, whole := range wholes {
		t.Run(name, func(t *testing.T) {
			for n := len(bzip2Magic); n < len(whole); n++ {
				_, err := Inflate(whole[:n], 100)
				if !errors.Is(err, ErrCorrupt) || !strings.HasSuffix(err.Error(), name+": it is cut short") {
					t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
				}
			}
		})
	}
}

// A bomb costs no more memory than [Memory] says, however large its content would become.
func TestBombsAreBounded(t *testing.T) {
	bombs := map[string][]byte{
		"gzip, 17 MiB of zeros": gzipped(t, make([]byte, 17<<20)),
		"bzip2, 1 GB of zeros":  read(t, "zeros.bz2"),
	}
	for name, bomb := range bombs {
		for _, limit := range []int64{0, 100_000, 10_000_000, 16_777_500} {
			t.Run(fmt.Sprintf("%s, limit %d", name, limit), func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := Inflate(bomb, limit)
				runtime.ReadMemStats(&after)
				if !errors.Is(err, ErrTooLarge) {
					t.Errorf("got %v, want ErrTooLarge", err)
				}
				// All that was ever allocated, garbage too.
				if spent := int64(after.TotalAlloc - before.TotalAlloc); spent > Memory(limit) {
					t.Errorf("%d bytes were allocated, Memory says %d", spent, Memory(limit))
				}
			})
		}
	}
}

// Data of two thousand parts is joined like any other.
func TestManyMembers(t *testing.T) {
	const parts = 2000
	gz, bz := gzipped(t, bytes.Repeat([]byte("some text, "), 10)), bzip2OfHello(t)
	for name, in := range map[string][]byte{"gzip": bytes.Repeat(gz, parts), "bzip2": bytes.Repeat(bz, parts)} {
		t.Run(name, func(t *testing.T) {
			out, err := Inflate(in, math.MaxInt64)
			if err != nil || len(out)%parts != 0 || len(out) == 0 {
				t.Errorf("got %d bytes and %v", len(out), err)
			}
		})
	}
}

func TestPlainDataIsNotCopied(t *testing.T) {
	in := []byte("d4:infodee")
	out, err := Inflate(in, math.MaxInt64)
	if err != nil || &out[0] != &in[0] {
		t.Errorf("got another slice, or %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	bz := bzip2OfHello(t)
	cases := []struct {
		data  []byte
		limit int64
		want  string
	}{
		{gzipped(t, make([]byte, 100)), 10, "more than 10 bytes come out of the gzip data"},
		{bz, 10, "more than 10 bytes come out of the bzip2 data"},
		{slices.Concat(gzipMagic, make([]byte, 20)), 100, "damaged: gzip: invalid header"},
		{flip(bz, 12), 100, "damaged: bzip2: block checksum mismatch"},
		{append(gzipped(t, nil), 'x'), 100, "damaged: gzip: something else follows its end"},
		{append(gzipped(t, nil), "some more bytes"...), 100, "damaged: gzip: something else follows its end"},
		{append(gzipped(t, nil), gzipMagic...), 100, "damaged: gzip: it is cut short"},
		{append(bytes.Clone(bz), "some"...), 100, "damaged: bzip2: something else follows its end"},
	}
	for _, c := range cases {
		if _, err := Inflate(c.data, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want it to contain %q", err, c.want)
		}
	}
}

func FuzzInflate(f *testing.F) {
	f.Add(gzipped(f, []byte("hello")), int64(100))
	f.Add(bzip2OfHello(f), int64(10))
	f.Add([]byte("d4:infodee"), int64(3))
	f.Add(emptyBzip2(f), int64(0))
	f.Fuzz(func(t *testing.T, in []byte, limit int64) {
		limit &= 1<<20 - 1
		out, err := Inflate(in, limit)
		switch {
		case err != nil:
			if out != nil || !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %d bytes and %v", len(out), err)
			}
		case !IsCompressed(in):
			if !bytes.Equal(in, out) {
				t.Error("plain data was changed")
			}
		case int64(len(out)) > limit:
			t.Errorf("%d bytes came out, the limit is %d", len(out), limit)
		}
	})
}

// emptyBzip2 returns no bytes as bzip2 compresses them.
func emptyBzip2(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString("425a683917724538509000000000")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Data that costs time and gives nothing is refused early: ten megabytes of
// either kind took seconds before.
func TestInflateRefusesHollowData(t *testing.T) {
	stream := gzipped(t, nil)
	header, tail := stream[:10], stream[len(stream)-8:]
	// A dynamic block (RFC 1951, section 3.2.7) without a byte of data would do
	// too; an empty stored block is the plainest.
	empty := bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 2<<20)
	hollow := slices.Concat(header, empty, []byte{1, 0, 0, 0xff, 0xff}, tail)
	cases := map[string][]byte{
		"empty gzip blocks":   hollow,
		"empty gzip members":  bytes.Repeat(stream, 1<<19),
		"empty bzip2 streams": bytes.Repeat(emptyBzip2(t), 1<<18),
	}
	for name, data := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Inflate(data, 10_000_000)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}
