package diskstore

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// placed is a record and where it stands.
type placed struct {
	header *format.Header
	at     int64
}

func (p placed) end() int64 { return p.at + p.header.Size() }

// last replays the segment that was active. What lies behind its last proven
// byte may be torn: only those records there are kept that are whole.
func (r *replayer) last(s *segment, from int64) (clean bool, err error) {
	if s.size == from {
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

// rewrite makes records durable of which nothing proves that they are, and void which are
// torn. Where that cannot be written they are served, but nothing is told to the index on
// disk.
func (r *replayer) rewrite(s *segment, unproven, torn []placed) error {
	if r.options.ReadOnly {
		return nil
	}
	err := rewrite(s.file, unproven, torn)
	if err != nil && !errors.Is(err, errUnreadable) {
		r.index.detach(fmt.Errorf("writing to segment %d: %w", s.id, err))
		return nil
	}
	return err
}

// survey returns the records of s from an offset on, and the offset through
// which they prove s to have been synced.
func (r *replayer) survey(s *segment, from int64) (records []placed, proven int64, err error) {
	scan := r.scanner(s, s.size)
	proven = max(from, s.provenBy(r.mark))
	for from < s.size {
		h, at, _, err := scan.next(from)
		if err != nil {
			return nil, 0, err
		}
		if h == nil {
			break
		}
		records = append(records, placed{h, at})
		proven = max(proven, int64(h.Synced))
		from = at + h.Size()
	}
	return records, proven, nil
}

// sift parts records into those before the proven offset, whose bodies are not
// looked at, those of the others that are whole, and the rest. Nobody wrote down whether
// that was acknowledged.
func (r *replayer) sift(s *segment, records []placed, proven int64) (kept, unproven, torn []placed, err error) {
	for _, p := range records {
		if p.at < proven {
			kept = append(kept, p)
			continue
		}
		switch _, err := readBody(s.file, p.header, p.at); {
		case err == nil:
			unproven = append(unproven, p)
		case r.isVital(err):
			return nil, nil, nil, err
		default:
			if errors.Is(err, format.ErrBadRecord) {
				torn = append(torn, p)
			}
			r.options.Logger.Warn("a torrent at the end of the log is not whole and is dropped: it was not acknowledged yet, or is damaged",
				slog.String("info_hash", p.header.IDs.Primary().String()), slog.Uint64("segment", s.id), slog.Int64("offset", p.at))
		}
	}
	return kept, unproven, torn, nil
}

// tail replays what was kept of the last segment, and reports what is missing of
// it before the proven offset.
func (r *replayer) tail(s *segment, kept []placed, from, proven int64) error {
	end, torn := from, s.size-proven
	for _, p := range kept {
		r.report(s, gap{from: end, to: min(p.at, proven)})
		if err := r.record(s, p.header, p.at); err != nil {
			return err
		}
		end = p.end()
		if p.at >= proven {
			torn -= p.header.Size()
		}
	}
	r.report(s, gap{from: end, to: proven})
	r.passed(s, max(end, proven))
	if torn > 0 {
		r.options.Logger.Info("the end of the log was torn; what is not whole was not acknowledged, and is dropped",
			slog.Uint64("segment", s.id), slog.Int64("offset", proven), slog.Int64("bytes", torn))
	}
	return nil
}
