package certificate

import (
	"context"
	"time"
)

// Follow looks every so often if the files have changed, until ctx ends, and
// reloads them if they have. Report is called after each reload with its error.
// Files that cannot be used are reported once, and again when they change: whoever
// renews a certificate writes one file after the other.
func (s *Source) Follow(ctx context.Context, every time.Duration, report func(error)) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			if changed, err := s.follow(); changed {
				report(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// follow reloads the files if they have changed. One that is not there, as while
// it is being replaced, has not.
func (s *Source) follow() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.read()
	if err != nil || found == s.last {
		return false, nil
	}
	return true, s.use(found)
}
