package operator

import (
	"context"
	"fmt"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// unreadFact counts the torrents of one rank that were not read for some time, for programs.
type unreadFact struct {
	Rank     string     `json:"rank"`
	Torrents int64      `json:"torrents"`
	Bytes    int64      `json:"torrent_bytes"`
	Oldest   *time.Time `json:"oldest_read_time,omitempty"`
}

// checkUnread returns an error if age is shorter than a day: a store records only the days of
// reads.
func checkUnread(age time.Duration) error {
	if age != 0 && age < 24*time.Hour {
		return fmt.Errorf("--unread %v: want a day or more, such as 180d", age)
	}
	return nil
}

func unreadFacts(stats []*torrentcachev1.UnreadStats) (all []unreadFact) {
	for _, u := range stats {
		fact := unreadFact{Rank: u.GetRank(), Torrents: u.GetTorrentCount(), Bytes: u.GetTorrentBytes()}
		if u.GetOldestReadTime() != nil {
			oldest := u.GetOldestReadTime().AsTime().UTC()
			fact.Oldest = &oldest
		}
		all = append(all, fact)
	}
	return all
}

// folderUnread counts the torrents of a store that were not read for age; none if age is zero.
func folderUnread(ctx context.Context, st *diskstore.Store, age time.Duration) (all []unreadFact, err error) {
	if age == 0 {
		return nil, nil
	}
	unread, err := st.Unread(ctx, age)
	for _, u := range unread {
		fact := unreadFact{Rank: admin.RankName(u.Rank), Torrents: u.Torrents, Bytes: u.Bytes}
		if u.Torrents > 0 {
			fact.Oldest = &u.Oldest
		}
		all = append(all, fact)
	}
	return all, err
}

// unreadText returns the unread torrents for people: a line for each rank.
func unreadText(all []unreadFact) string {
	var lines strings.Builder
	for _, u := range all {
		fmt.Fprintf(&lines, "%-22s%s, %s", "unread, "+u.Rank, progress.Count(u.Torrents, "torrent"), progress.ExactBytes(u.Bytes))
		if u.Oldest != nil {
			fmt.Fprintf(&lines, ", the oldest last used on %s", u.Oldest.Format(time.DateOnly))
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}
