package inflate

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// samples returns every bzip2 file of testdata but the bomb.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.bz2")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d samples, %v", len(names), err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if filepath.Base(name) != "zeros.bz2" {
			files[filepath.Base(name)] = read(t, filepath.Base(name))
		}
	}
	return files
}

// standard is what Go's decoder makes of the same data.
func standard(b []byte, limit int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(stdbzip2.NewReader(bytes.NewReader(b)), limit))
}

func TestBzip2AsTheStandardLibrary(t *testing.T) {
	const limit = 1 << 24
	for name, b := range samples(t) {
		got, err := Inflate(b, limit)
		want, wantErr := standard(b, limit)
		if err != nil || wantErr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; the standard library: %d bytes, %v", name, len(got), err, len(want), wantErr)
		}
	}
}

// Damage is found, or changed nothing; what is cut short is refused. It flips every bit,
// and cuts at every byte, if the test may be long; else every seventh, so that all bits
// of a byte have their turn, from any.
func TestDamagedBzip2(t *testing.T) {
	const limit = 1 << 20
	step := 7
	if os.Getenv("TORRENTCACHE_TEST_LONG") != "" {
		step = 1
	}
	first := rand.IntN(step)
	t.Logf("every %dth from %d", step, first)
	for name, whole := range samples(t) {
		want, err := Inflate(whole, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) > 10_000 { // a second of work for each bit
			continue
		}
		for i := first; i < 8*len(whole); i += step {
			b := bytes.Clone(whole)
			b[i/8] ^= 0x80 >> (i % 8)
			if out, err := Inflate(b, limit); IsCompressed(b) && err == nil && !bytes.Equal(out, want) {
				t.Errorf("%s, bit %d: %q, %v", name, i, out, err)
			}
		}
		const emptyStream = 14 // the last of several
		for n := len(bzip2Magic) + first; n < len(whole)-emptyStream; n += step {
			if out, err := Inflate(whole[:n], limit); err == nil && bytes.Equal(out, want) {
				t.Errorf("%s: the first %d bytes are enough", name, n)
			}
		}
	}
}

// FuzzBzip2 holds what the standard library's decoder and ours both take to one
// result. They differ in which codes they take that no compressor makes.
func FuzzBzip2(f *testing.F) {
	for _, b := range samples(f) {
		if len(b) < 1000 {
			f.Add(b)
		}
	}
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := bunzip2(b, &output{limit: limit, name: "bzip2"})
		want, wantErr := standard(b, limit+1)
		if err == nil && wantErr == nil && !bytes.Equal(got, want) {
			t.Errorf("%q, the standard library has %q", got, want)
		}
	})
}

func BenchmarkBzip2(b *testing.B) {
	for name, data := range samples(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Inflate(data, 1<<24); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
