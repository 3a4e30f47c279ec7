package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// State is what is known of a torrent at the upstreams.
type State string

// The states.
const (
	Unasked State = ""        // nobody was asked, as far as is remembered
	Found   State = "found"   // it is in the store now
	Absent  State = "absent"  // none has it, or none has it in a form that may be stored
	Failed  State = "failed"  // an upstream that may have it could not be asked
	Asking  State = "asking"  // they are being asked
	Busy    State = "busy"    // too much else is under way here
	Limited State = "limited" // too many were asked for the same address
)

// How long it is remembered that a torrent is not to be had.
const (
	absentAge = time.Hour
	goneAge   = 24 * time.Hour // it was removed there, or may not be stored here
	failedAge = time.Minute
)

// outcome is what asking one upstream came to, as the metrics name it.
type outcome string

const (
	found       outcome = "found"
	absent      outcome = "absent"
	gone        outcome = "gone"      // 410, 451 or TORRENT_REMOVED
	refused     outcome = "refused"   // the policy of uploads refuses it
	tooLarge    outcome = "too_large" // than what this server takes
	invalid     outcome = "invalid"   // it is no torrent, such as a page, or another one
	unreachable outcome = "unreachable"
	timeout     outcome = "timeout"
	badStatus   outcome = "status"
	badRedirect outcome = "redirect"
	badAddress  outcome = "address"
	cutShort    outcome = "cut_short"
	down        outcome = "down" // it was not asked: it did not answer lately
	busy        outcome = "busy" // no fault of the upstream: memory, budgets, a full disk, a shutdown
)

// failure is why a source did not give a torrent.
type failure struct {
	outcome outcome
	cause   error // nil if the outcome says all
}

func (f *failure) Error() string {
	if f.cause == nil {
		return string(f.outcome)
	}
	return string(f.outcome) + ": " + f.cause.Error()
}

func (f *failure) Unwrap() error { return f.cause }

// outcomeOf returns what err, of a source, says. Ended is the error of the context.
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

// keptOutcome returns what it says that a torrent, which came, was stored or not.
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

// verdict returns what an outcome says of the torrent, and for how long.
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

// away reports whether the outcome says that the upstream itself is out of reach.
func (o outcome) away() bool {
	switch o {
	case unreachable, timeout, badStatus, badAddress:
		return true
	}
	return false
}
