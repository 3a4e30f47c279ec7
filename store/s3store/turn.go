package s3store

import "time"

// The node that has just written a batch knows the next number before all others. It would win
// that number as well, for the few changes that it has gathered meanwhile, and each lost race
// costs the others a write and a read. So it pauses while the others take their turns, and
// gathers a larger batch.
//
// A turn lasts as long as a read and a write of the feed currently take. This must adapt: with
// 64 concurrent requests, Ceph on two cores answers each after 0.1 s. With pauses shorter than
// that, one node of three wrote all batches and the others waited for seconds.
const (
	// maxTurns is the most turns that a node waits for, and maxPause the longest wait.
	maxTurns = 8
	maxPause = 2 * time.Second
	// turnWrites is the length of a turn, in writes. A shorter turn loses more races; during a
	// longer one the engine is idle while all nodes wait.
	turnWrites = 1.25
	// alone is how many batches in a row a node writes without seeing another node's before it
	// pauses for half a turn. Nodes that lose every race are invisible to it.
	alone = 8
	// newest is the weight of the last write in the average. longest caps its duration.
	newest  = 0.25
	longest = time.Second
)

// turn schedules a node's next write to the feed.
type turn struct {
	next   time.Time
	pause  time.Duration // before next
	head   uint64        // of the feed when the node wrote last
	others int           // nodes seen writing since head, maxTurns at most
	streak int           // own batches since another node's
	write  time.Duration // average duration of the successful writes
}

// left returns the time until the node's turn.
func (t *turn) left() time.Duration { return time.Until(t.next) }

// expected returns how many batches of other nodes to expect. It is none when the turn is long
// overdue, since the node reads the feed all the time.
func (t *turn) expected() int {
	if time.Since(t.next) > t.pause {
		return 0
	}
	return t.others
}

// wrote records the duration of a write.
func (t *turn) wrote(took time.Duration) {
	took = min(took, longest)
	if t.write == 0 {
		t.write = took
	}
	t.write += time.Duration(newest * float64(took-t.write))
}

// end records that a batch was written, and schedules the next turn.
func (t *turn) end(f *feed) {
	t.others = min(max(f.countWriters(t.head)-1, 0), maxTurns)
	t.head = f.end()
	turns := float64(t.others)
	if t.streak++; t.others > 0 {
		t.streak = 0
	} else if t.streak >= alone {
		t.streak, turns = 0, 0.5
	}
	t.pause = min(time.Duration(turns*turnWrites*float64(t.write)), maxPause)
	t.next = time.Now().Add(t.pause)
}
