package diskstore

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"testing"
)

// TestFormatFrozen compares what is written with what version 2 of the format
// writes, by checksums: stores that are in use must stay readable. If it fails,
// the version has to be raised, and the old one still be read.
func TestFormatFrozen(t *testing.T) {
	want := map[string]string{
		"put":      "a93f9f3d1c72cd0f",
		"removal":  "99bf8e272cac0f45",
		"lost":     "4ad160bcbebbadb1",
		"restored": "a3abe990d19c5b40",
		"void":     "c15bad87ce1e0860",
		"dropped":  "1603afdae40f8dc8",
		"value":    "78b9417b739e2391",
		"torn":     "a522409ead81b991",
		"segment":  "28ad5b0da7659e8a",
		"mark":     "511e522bd52c1e5b",
	}
	got := map[string][]byte{
		"segment": segmentHeader{store: storeID{9}, segment: 3, epoch: 4, previous: 2, previousEnd: 12345, created: 6}.encode(),
	}
	got["mark"] = mark{store: storeID{9}, segment: 3, offset: 12345}.encode()
	for name, sample := range sampleHeaders() {
		sample.h.bodySum = crc32.Checksum(sample.body, castagnoli)
		got[name] = appendRecord(nil, &sample.h, sample.body)
	}
	if len(got) != len(want) {
		t.Errorf("%d samples, want %d", len(got), len(want))
	}
	for name, b := range got {
		sum := sha256.Sum256(b)
		if is := hex.EncodeToString(sum[:8]); is != want[name] {
			t.Errorf("%s: %s, want %s", name, is, want[name])
		}
	}
}
