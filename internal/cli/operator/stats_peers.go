package operator

import (
	"fmt"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// upstreamText returns a line of counts for each upstream.
func upstreamText(upstreams []*torrentcachev1.UpstreamStats) string {
	var lines strings.Builder
	for _, u := range upstreams {
		fmt.Fprintf(&lines, "%-22s%s: asked for %s, found %s, absent %s, failed %s", "upstream", u.GetName(),
			progress.Number(u.GetAskedCount()), progress.Number(u.GetFoundCount()), progress.Number(u.GetAbsentCount()), progress.Number(u.GetFailedCount()))
		if !u.GetReachable() {
			lines.WriteString("; does not answer")
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}

// upstreamFact is a cache behind the server, for programs.
type upstreamFact struct {
	Name      string `json:"name"`
	Asked     int64  `json:"asked"`
	Found     int64  `json:"found"`
	Absent    int64  `json:"absent"`
	Failed    int64  `json:"failed"`
	Reachable bool   `json:"reachable"`
}

func upstreamFacts(upstreams []*torrentcachev1.UpstreamStats) []upstreamFact {
	var all []upstreamFact
	for _, u := range upstreams {
		all = append(all, upstreamFact{u.GetName(), u.GetAskedCount(), u.GetFoundCount(), u.GetAbsentCount(), u.GetFailedCount(), u.GetReachable()})
	}
	return all
}

// mirrorFact is the progress of mirroring one server, for programs.
type mirrorFact struct {
	Source   string `json:"source"`
	Paused   bool   `json:"paused"`
	Behind   int64  `json:"behind"`
	Lag      int64  `json:"lag_seconds"`
	Torrents int64  `json:"torrents"`
	Removals int64  `json:"removals"`
	Refused  int64  `json:"refused"`
	Wrong    int64  `json:"wrong"`
	LeftOut  int64  `json:"left_out"`
}

func mirrorFacts(all []*torrentcachev1.MirrorStats) []mirrorFact {
	var mirrored []mirrorFact
	for _, m := range all {
		mirrored = append(mirrored, mirrorFact{m.GetSource(), m.GetPaused(), m.GetBehindCount(), m.GetLagSeconds(),
			m.GetTorrentCount(), m.GetRemovalCount(), m.GetRefusedCount(), m.GetWrongCount(), m.GetLeftOutCount()})
	}
	return mirrored
}

// mirrorText returns a line for each mirrored server that says how far the mirror is.
func mirrorText(all []*torrentcachev1.MirrorStats) string {
	var lines strings.Builder
	for _, m := range all {
		fmt.Fprintf(&lines, "%-22s%s: ", "mirror of", m.GetSource())
		switch {
		case m.GetPaused():
			lines.WriteString("STOPPED, because it removed too many torrents (torrentcache mirror --help)")
		case m.GetLagSeconds() > 0:
			fmt.Fprintf(&lines, "%s behind, for %s", progress.Count(m.GetBehindCount(), "change"), time.Duration(m.GetLagSeconds())*time.Second)
		default:
			lines.WriteString("up to date")
		}
		fmt.Fprintf(&lines, "; %s stored, %s, %s refused, %s wrong, %s left out\n", progress.Number(m.GetTorrentCount()),
			progress.Count(m.GetRemovalCount(), "removal"), progress.Number(m.GetRefusedCount()), progress.Number(m.GetWrongCount()), progress.Number(m.GetLeftOutCount()))
	}
	return lines.String()
}
