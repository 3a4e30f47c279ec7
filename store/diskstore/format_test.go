package diskstore

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"testing"
)

// TestFormatFrozen compares what is written with what version 1 of the format
// writes, by checksums: stores that are in use must stay readable. If it fails,
// the version has to be raised, and the old one still be read.
func TestFormatFrozen(t *testing.T) {
	want := map[string]string{
		"put":      "2c5c02dca7f42163",
		"removal":  "e1d5da47fc2ac7a9",
		"lost":     "8506fe78538abef0",
		"restored": "c13a5ba3ed970dc6",
		"segment":  "e4766c89438cef27",
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
