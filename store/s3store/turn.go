package s3store

import "time"

// A node whose batch has just come into the feed knows the next number before all
// others. It would win that, too, with the little that came to wait meanwhile, and
// the others would lose race after race: a write and a read each. So it waits while
// the others have their turns, and its next batch gets larger. The feed as a whole
// grows by about one object in each turnTime under load, however many nodes write,
// and a put takes longer by half of its node's wait.
const (
	// turnTime is how long a turn is.
	turnTime = 50 * time.Millisecond
	// maxTurns is how many turns a node waits for at most.
	maxTurns = 8
)

// turn is when a node shall write to the feed next.
type turn struct {
	next   time.Time
	head   uint64 // of the feed when the node wrote last
	shared bool   // others write at the moment: what they wrote is read first
}

// left returns how long to wait.
func (t *turn) left() time.Duration { return time.Until(t.next) }

// end notes that a batch of so many changes came into the feed. A change on its own
// is no load, and the one after it need not wait.
func (t *turn) end(f *feed, changes int) {
	writers := f.writers(t.head)
	t.head = f.end()
	t.next, t.shared = time.Time{}, false
	if changes > 1 {
		t.next = time.Now().Add(turnTime * time.Duration(min(max(writers, 1), maxTurns)))
		t.shared = writers > 1
	}
}
