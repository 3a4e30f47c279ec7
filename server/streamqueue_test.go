package server

import "testing"

func TestUploadQueueHoldsNoMoreThanItsBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		maxItems, maxBytes, size, fits int
	}{
		"items":               {maxItems: 3, maxBytes: 1000, size: 1, fits: 3},
		"bytes":               {maxItems: 100, maxBytes: 100, size: 30, fits: 3},
		"one larger than all": {maxItems: 100, maxBytes: 100, size: 300, fits: 1},
	} {
		t.Run(name, func(t *testing.T) {
			q := newUploadQueue(tc.maxItems, tc.maxBytes)
			pushed := make(chan bool, 2*tc.fits)
			go func() {
				for range 2 * tc.fits {
					pushed <- q.push(&upload{size: tc.size})
				}
				q.close()
			}()
			for range tc.fits {
				<-pushed
			}
			total := 0
			for batch := q.take(); len(batch) > 0; batch = q.take() {
				// Items that were taken still count, so nothing came in beyond the bound.
				if len(batch) > tc.fits {
					t.Fatalf("%d items at once, want %d at most", len(batch), tc.fits)
				}
				total += len(batch)
				q.done(batch)
			}
			if total != 2*tc.fits {
				t.Errorf("%d items came through, want %d", total, 2*tc.fits)
			}
		})
	}
}

func TestUploadQueueLetsGoOfWhoWaitsForRoom(t *testing.T) {
	q := newUploadQueue(1, 100)
	if !q.push(&upload{}) {
		t.Fatal("no room for the first")
	}
	pushed := make(chan bool)
	go func() { pushed <- q.push(&upload{}) }()
	q.abort()
	if <-pushed {
		t.Error("taken after the abort")
	}
}
