package recovery

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// last replays the segment that was active. Records after its last proven byte may be torn: only
// the intact ones are kept.
func (r *replayer) last(s *log.Segment, from int64) (clean bool, err error) {
	if s.Size == from {
		r.passed(s, from)
		return true, nil
	}
	records, proven, err := r.survey(s, from)
	if err != nil {
		return false, err
	}
	kept, unproven, torn, err := r.sift(s, records, proven)
	if err != nil {
		return false, err
	}
	if err := r.rewrite(s, unproven, torn); err != nil {
		return false, err
	}
	return false, r.tail(s, append(kept, unproven...), from, proven)
}

// rewrite makes unproven records durable, and voids torn ones. If the disk takes no writes, the
// records are served, but the index on disk is not changed.
func (r *replayer) rewrite(s *log.Segment, unproven, torn []files.Placed) error {
	if r.options.Index.ReadOnly {
		return nil
	}
	err := files.Rewrite(s.File, unproven, torn)
	if err != nil && !errors.Is(err, files.ErrUnreadable) {
		r.index.Detach(fmt.Errorf("writing to segment %d: %w", s.ID, err))
		return nil
	}
	return err
}

// survey returns the records of s from an offset on, and the offset up to which they prove that
// s was synced.
func (r *replayer) survey(s *log.Segment, from int64) (records []files.Placed, proven int64, err error) {
	scan := r.scanner(s, s.Size)
	proven = max(from, s.ProvenBy(r.mark))
	for from < s.Size {
		h, at, _, err := scan.Next(from)
		if err != nil {
			return nil, 0, err
		}
		if h == nil {
			break
		}
		records = append(records, files.Placed{Header: h, At: at})
		proven = max(proven, int64(h.Synced))
		from = at + h.Size()
	}
	return records, proven, nil
}

// sift divides records into those before the proven offset, without checking their bodies, the
// intact ones after it, and the torn ones. Nothing tells whether those after it were
// acknowledged.
func (r *replayer) sift(s *log.Segment, records []files.Placed, proven int64) (kept, unproven, torn []files.Placed, err error) {
	for _, p := range records {
		if p.At < proven {
			kept = append(kept, p)
			continue
		}
		switch _, err := log.ReadBody(s.File, p.Header, p.At); {
		case err == nil:
			unproven = append(unproven, p)
		case r.isVital(err):
			return nil, nil, nil, err
		default:
			if errors.Is(err, format.ErrBadRecord) {
				torn = append(torn, p)
			}
			r.options.Index.Logger.Warn("a torrent at the end of the log is incomplete and is dropped: it was not acknowledged yet, or is damaged",
				slog.String("info_hash", p.Header.IDs.Primary().String()), slog.Uint64("segment", s.ID), slog.Int64("offset", p.At))
		}
	}
	return kept, unproven, torn, nil
}

// tail replays the kept records of the last segment, and reports gaps before the proven offset.
func (r *replayer) tail(s *log.Segment, kept []files.Placed, from, proven int64) error {
	end, torn := from, s.Size-proven
	for _, p := range kept {
		r.report(s, log.Gap{From: end, To: min(p.At, proven)})
		if err := r.record(s, p.Header, p.At); err != nil {
			return err
		}
		end = p.End()
		if p.At >= proven {
			torn -= p.Header.Size()
		}
	}
	r.report(s, log.Gap{From: end, To: proven})
	r.passed(s, max(end, proven))
	if torn > 0 {
		r.options.Index.Logger.Info("the end of the log was torn; incomplete records were never acknowledged and are dropped",
			slog.Uint64("segment", s.ID), slog.Int64("offset", proven), slog.Int64("bytes", torn))
	}
	return nil
}
