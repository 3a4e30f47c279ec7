package audit

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Write writes entries to the log, together. A nil Write keeps none.
type Write func(entries ...Entry) error

// Do writes e, with the caller and the time, and then calls do. If e cannot be written, Do does
// not call do; if do fails, Do writes that, too.
func (w Write) Do(ctx context.Context, e Entry, do func() error) error {
	var failed error
	err := w.DoAll(ctx, []Entry{e}, func() []error {
		failed = do()
		return []error{failed}
	})
	if err != nil {
		return err
	}
	return failed
}

// DoAll is Do for many entries, whose lines are written together. The function do returns an
// error or nil for each entry. DoAll itself returns only errors of the log.
func (w Write) DoAll(ctx context.Context, entries []Entry, do func() []error) error {
	if w == nil || len(entries) == 0 {
		do()
		return nil
	}
	now, who := time.Now().UTC(), access.FromContext(ctx).Name
	for i := range entries {
		entries[i].Time, entries[i].Who = now, who
	}
	if err := w(entries...); err != nil {
		return reason.New(reason.StorageFull, "the audit log cannot be written, so nothing was done").Because(err)
	}
	var failed []Entry
	for i, err := range do() {
		if err != nil {
			e := entries[i]
			e.Time, e.Failed = time.Now().UTC(), reason.Of(err).Error()
			failed = append(failed, e)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if unwritten := w(failed...); unwritten != nil {
		return reason.Unexpected(unwritten)
	}
	return nil
}
