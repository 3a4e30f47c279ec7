package wire

// Failure is why the message that arrived has no torrent in it. Its mark stands there: the
// library would answer an error of ours with a status that says little.
type Failure int

// The failures.
const (
	Sound    Failure = iota // there is none
	NoMemory                // there was no memory for it, or no processor to inflate it with
	TooLarge                // it is larger, inflated, than a message may be
	Damaged                 // what it is compressed with is not what it should be
)

// marks are known by where they are in memory, so no torrent is like one.
var marks [Damaged + 1]byte

// Mark returns what stands for a message, or for the torrent in it, that failed so. Nobody
// may change it.
func (f Failure) Mark() []byte { return marks[f : f+1 : f+1] }

// FailureOf returns the failure whose mark stands in the place of a torrent.
func FailureOf(torrent []byte) Failure {
	if len(torrent) == 1 {
		for f := NoMemory; f <= Damaged; f++ {
			if &torrent[0] == &marks[f] {
				return f
			}
		}
	}
	return Sound
}
