package index

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// health is the logger and event listener of Pebble. It learns of the failures that Pebble does
// not return. Pebble's own logger would end the process.
type health struct {
	options Options
	logger  *slog.Logger

	mu        sync.Mutex
	nextFail  chan struct{} // closed when the next flush fails
	unwritten error         // once set, changes no longer reach the disk
	failed    error         // once set, the index answers nothing until it is reopened
	lastFlush error         // result of the last flush that ended
	flushErr  error         // why flushes fail; nil once one succeeds
}

func newHealth(o Options) *health {
	return &health{options: o, logger: o.Logger, nextFail: make(chan struct{})}
}

// Infof implements pebble.Logger.
func (h *health) Infof(format string, args ...any) {
	h.logger.Debug("index: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (h *health) Errorf(format string, args ...any) {
	h.logger.Error("index: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. Unlike Pebble expects, it returns; from then on the database
// is only closed. Errors of the disk do not get here, see [pebbleFS].
func (h *health) Fatalf(format string, args ...any) {
	h.fail(fmt.Errorf(format, args...))
}

// listener returns the event listener for Pebble. The fields not set default to no action.
func (h *health) listener() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd:        func(info pebble.FlushInfo) { h.flushEnded(info.Err) },
		BackgroundError: h.backgroundError,
		DataCorruption:  func(info pebble.DataCorruptionInfo) { _ = h.condemn(info.Details) },
	}
}

// flushEnded records the result of a flush. An error alone does not mean failure: Pebble reports
// a flush of nothing as an error, too.
func (h *health) flushEnded(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastFlush = err
	if err == nil {
		h.flushErr = nil
	}
}

// backgroundError records that a flush or a compaction failed. Pebble retries at once and for
// ever, so only the first of consecutive failed flushes is logged.
func (h *health) backgroundError(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lastFlush == nil || !errors.Is(err, h.lastFlush) {
		h.logger.Debug("index: " + err.Error())
		return
	}
	if h.flushErr == nil {
		h.logger.Error("the index cannot be written; puts are refused until it can", slog.Any("error", err))
	}
	h.flushErr = err
	close(h.nextFail)
	h.nextFail = make(chan struct{})
}

// flushFails returns a channel that is closed when the next flush fails.
func (h *health) flushFails() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.nextFail
}

// broke records that the index can be read, but no longer written.
func (h *health) broke(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unwritten = fmt.Errorf("%w: the index cannot be written: %w", store.ErrUnavailable, err)
}

// writeError returns why changes must end until the store is reopened; nil if they need not.
func (h *health) writeError() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unwritten
}

// flushError returns why the last flush failed; nil if it did not. While flushes fail, nothing
// new may be written, so that the index does not outgrow memory.
func (h *health) flushError() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.flushErr == nil {
		return nil
	}
	return fmt.Errorf("%w: the index cannot be written: %w", files.Refusal(h.flushErr), h.flushErr)
}

// err returns why the index must not be used; nil if it may.
func (h *health) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

// fail takes the index out of use, and returns the error that says so.
func (h *health) fail(cause error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == nil {
		h.failed = fmt.Errorf("%w: the index failed: %w", store.ErrUnavailable, cause)
		h.logger.Error("the index failed; the store must be opened again", slog.Any("error", cause))
	}
	return h.failed
}

// condemn is fail for an index with untrustworthy files: the next Open rebuilds it.
func (h *health) condemn(cause error) error {
	first := h.err() == nil
	err := h.fail(cause)
	if first {
		if noteErr := Condemn(h.options.FS, h.options.Dir); noteErr != nil {
			h.logger.Error("the damaged index could not be marked; remove its folder before the next start",
				slog.Any("error", noteErr))
		}
	}
	return err
}

// readFailed interprets a failed read: damage condemns the index, any other error fails only
// this read.
func (h *health) readFailed(err error) error {
	if pebble.IsCorruptionError(err) {
		return h.condemn(err)
	}
	return fmt.Errorf("%w: reading the index: %w", store.ErrUnavailable, err)
}

// Err returns why the index must not be used until it is reopened; nil if it may.
func (x *Index) Err() error { return x.health.err() }

// WriteError returns why changes must end until the index is reopened; nil if they need not.
func (x *Index) WriteError() error { return x.health.writeError() }

// FlushError returns why the index cannot be written to disk at the moment; nil if it can.
// Meanwhile only essential changes may be committed, see [Index.IsStuffed].
func (x *Index) FlushError() error { return x.health.flushError() }
