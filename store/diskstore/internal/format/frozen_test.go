package format

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestFormatFrozen compares the bytes that are written with those that version 2 of the
// format writes, by checksums: stores that are in use must stay readable. If it fails,
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
		"segment": SegmentHeader{Store: StoreID{9}, Segment: 3, Epoch: 4, Previous: 2, PreviousEnd: 12345, Created: 6}.Encode(),
	}
	got["mark"] = Mark{Store: StoreID{9}, Segment: 3, Offset: 12345}.Encode()
	for name, sample := range sampleHeaders() {
		sample.h.BodySum = Checksum(sample.body)
		got[name] = AppendRecord(nil, &sample.h, sample.body)
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
