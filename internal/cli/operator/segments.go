package operator

import (
	"fmt"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// segment is a segment file that is missing or ends too early, as a server reports it.
type segment = torrentcachev1.MissingSegment

// missingOf converts the missing segments of a folder to the form of a server's report.
func missingOf(missing []diskstore.Missing) []*segment {
	var all []*segment
	for _, m := range missing {
		all = append(all, &segment{
			File: m.File, FromOffset: m.From, Counted: m.Counted, TorrentCount: m.Torrents, RemovalCount: m.Removed,
		})
	}
	return all
}

// describeMissing names the missing part of s in a few words, with its torrents and removals.
func describeMissing(s *segment) string {
	place := s.GetFile()
	if s.GetFromOffset() > 0 {
		place += " from byte " + progress.Number(s.GetFromOffset()) + " on"
	}
	if !s.GetCounted() {
		return place + " (its content is not known)"
	}
	content := progress.Count(s.GetTorrentCount(), "torrent")
	if s.GetRemovalCount() > 0 {
		content += ", " + progress.Count(s.GetRemovalCount(), "removal")
	}
	return place + " (" + content + ")"
}

// describeAllMissing describes all missing segments in one line, for an error.
func describeAllMissing(missing []*segment) string {
	var texts []string
	for _, s := range missing {
		texts = append(texts, describeMissing(s))
	}
	return "missing: " + strings.Join(texts, ", ")
}

// missingText returns a line for each missing segment.
func missingText(missing []*segment) string {
	var b strings.Builder
	for _, s := range missing {
		fmt.Fprintf(&b, "%-22s%s\n", "missing", describeMissing(s))
	}
	return b.String()
}

// missingError returns an error if a segment is missing.
func missingError(missing []*segment) error {
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing or cut short: %s; the torrents in them are damaged until they are uploaded again",
		progress.Count(int64(len(missing)), "segment file"))
}

// segmentFact is a missing segment for programs.
type segmentFact struct {
	File     string `json:"file"`
	From     int64  `json:"from_byte"`
	Counted  bool   `json:"counted"` // whether the two numbers are known
	Torrents int64  `json:"torrents"`
	Removals int64  `json:"removals"`
}

// segmentFacts never returns nil, so that programs read an empty list.
func segmentFacts(missing []*segment) []segmentFact {
	all := []segmentFact{}
	for _, s := range missing {
		all = append(all, segmentFact{s.GetFile(), s.GetFromOffset(), s.GetCounted(), s.GetTorrentCount(), s.GetRemovalCount()})
	}
	return all
}
