package main

import (
	"fmt"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// upstreamText says what the upstreams did, a line each.
func upstreamText(upstreams []*torrentcachev1.UpstreamStats) string {
	var lines strings.Builder
	for _, u := range upstreams {
		fmt.Fprintf(&lines, "%-22s%s: asked for %s, found %s, absent %s, failed %s", "upstream", u.GetName(),
			progress.Number(u.GetAskedCount()), progress.Number(u.GetFoundCount()), progress.Number(u.GetAbsentCount()), progress.Number(u.GetFailedCount()))
		if !u.GetReachable() {
			lines.WriteString("; it does not answer")
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
