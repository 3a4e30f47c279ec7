package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// State says whether the upstreams have a torrent, as far as this server knows.
type State string

// The states.
const (
	Unasked State = ""        // no upstream was asked, as far as is remembered
	Found   State = "found"   // it is in the store now
	Absent  State = "absent"  // no upstream has it, or none in a form that may be stored
	Failed  State = "failed"  // no upstream gave it, and one that may have it could not be asked
	Asking  State = "asking"  // the upstreams are being asked
	Busy    State = "busy"    // this server is too busy to ask
	Limited State = "limited" // the caller's address has used up its searches
)

// How long the result of a search that found nothing is remembered.
const (
	absentAge = time.Hour
	goneAge   = 24 * time.Hour // the torrent was removed there, or may not be stored here
	failedAge = time.Minute
)

// outcome is the result of asking one upstream, as the metrics name it.
type outcome string

const (
	found       outcome = "found"
	absent      outcome = "absent"
	gone        outcome = "gone"      // 410, 451 or TORRENT_REMOVED
	refused     outcome = "refused"   // the policy for uploads refuses the torrent
	tooLarge    outcome = "too_large" // larger than this server accepts
	invalid     outcome = "invalid"   // not a torrent (a web page, for example), or another torrent
	unreachable outcome = "unreachable"
	timeout     outcome = "timeout"
	badStatus   outcome = "status"
	badRedirect outcome = "redirect"
	badAddress  outcome = "address"
	cutShort    outcome = "cut_short"
	down        outcome = "down" // not asked, because it did not answer lately
	busy        outcome = "busy" // not the upstream's fault: memory, budgets, a full disk, a shutdown
)

// failure is the error of a source that did not give a torrent.
type failure struct {
	outcome outcome
	cause   error // nil if the outcome says it all
}

func (f *failure) Error() string {
	if f.cause == nil {
		return string(f.outcome)
	}
	return string(f.outcome) + ": " + f.cause.Error()
}

func (f *failure) Unwrap() error { return f.cause }

// outcomeOf returns the outcome that err, an error of a source, stands for. Ended is the error of
// the context.
func outcomeOf(err, ended error) outcome {
	f, ok := errors.AsType[*failure](err)
	switch {
	case errors.Is(ended, context.Canceled):
		return busy // we are shutting down
	case ended != nil, errors.Is(err, context.DeadlineExceeded):
		return timeout
	case ok:
		return f.outcome
	case errors.Is(err, errAddress), errors.Is(err, errKeyInClear):
		return badAddress
	}
	if e, ok := errors.AsType[*reason.Error](err); ok && e.Reason == reason.Overloaded {
		return busy
	}
	return unreachable
}

// keptOutcome returns the outcome of a torrent that arrived; err is the error of storing it.
func keptOutcome(err error) outcome {
	if err == nil {
		return found
	}
	switch reason.Of(err).Reason {
	case reason.TorrentInvalid, reason.TorrentEmpty, reason.TorrentMissing:
		return invalid
	case reason.TorrentTooLarge:
		return tooLarge
	case reason.TorrentRefused, reason.TorrentRemoved, reason.TorrentConflict:
		return refused
	default:
		return busy
	}
}

// verdict returns the State of the torrent after the outcome o, and how long to remember it.
func (o outcome) verdict() (State, time.Duration) {
	switch o {
	case found:
		return Found, 0
	case absent:
		return Absent, absentAge
	case gone, refused, tooLarge:
		return Absent, goneAge
	case busy:
		return Busy, 0
	default:
		return Failed, failedAge
	}
}

// away reports whether o says that the upstream itself cannot be reached.
func (o outcome) away() bool {
	switch o {
	case unreachable, timeout, badStatus, badAddress:
		return true
	}
	return false
}
