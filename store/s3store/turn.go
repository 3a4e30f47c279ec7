package s3store

import "time"

// A node whose batch has just come into the feed knows the next number before all
// others. It would win that, too, with the little that came to wait meanwhile, and
// the others would lose race after race: a write and a read each. So it waits while
// the others have their turns, and its next batch gets larger.
//
// A turn is a read and a write of the feed, and lasts as long as these do at the
// moment: with 64 requests at a time Ceph on two cores answers each after 0.1 s, and
// with pauses shorter than that one node of three wrote and the others waited for
// seconds.
const (
	// maxTurns is how many turns a node waits for at most, and maxPause how long.
	maxTurns = 8
	maxPause = 2 * time.Second
	// turnWrites is how long a turn is, in writes. With less, more races are lost;
	// with more, the engine is idle while all wait.
	turnWrites = 1.25
	// alone is how many batches a node writes that hears of no other before it makes
	// a pause of half a turn: others may be trying, which it cannot see.
	alone = 8
	// newest is how much of the average the last write makes, and longest how long it
	// counts as at most.
	newest  = 0.25
	longest = time.Second
)

// turn is when a node shall write to the feed next.
type turn struct {
	next   time.Time
	pause  time.Duration // before next
	head   uint64        // of the feed when the node wrote last
	others int           // nodes that had turns before that one, maxTurns at most
	streak int           // batches since another node's
	write  time.Duration // average of the writes that came into the feed
}

// left returns how long to wait.
func (t *turn) left() time.Duration { return time.Until(t.next) }

// expected returns how many batches of others are to be expected: none if the turn
// has come long ago, since what others write is read all the time.
func (t *turn) expected() int {
	if time.Since(t.next) > t.pause {
		return 0
	}
	return t.others
}

// wrote notes how long a write took.
func (t *turn) wrote(took time.Duration) {
	took = min(took, longest)
	if t.write == 0 {
		t.write = took
	}
	t.write += time.Duration(newest * float64(took-t.write))
}

// end notes that a batch came into the feed.
func (t *turn) end(f *feed) {
	t.others = min(max(f.writers(t.head)-1, 0), maxTurns)
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
