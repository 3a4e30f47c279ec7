package web

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// maxShown is how many trackers, how many web seeds and how many nodes the page of a torrent lists.
const maxShown = 100

// Torrent is the content of the page of a torrent. The uploader chose its texts.
type Torrent struct {
	IDs         infohash.Set
	Name        string
	TorrentSize int64 // bytes, like the next two
	ContentSize int64
	PieceLength int64
	PieceCount  int64
	FileCount   int64 // on all pages
	Private     bool  // BEP 27
	NoLayers    bool  // piece layers (BEP 52) are missing
	Cut         bool  // the torrent has more than is shown here

	Created   time.Time // zero: unknown
	Stored    time.Time // zero: unknown
	CreatedBy string
	Comment   string
	Source    string
	Trackers  [][]Address // by tier
	WebSeeds  []Address
	Nodes     []string // HOST:PORT
	Magnet    string   // a whole magnet link, escaped

	Files     []File // on this page
	LaterPage bool   // Files do not begin at the first file
	NextFiles string // token of the next page; "" if there is none
}

// Address is the URL of a tracker or a web seed.
type Address struct {
	Text   string // the URL, or only its host if Hidden
	Hidden bool   // only the host may be shown
}

// File is a file of a torrent.
type File struct {
	Path []string
	Size int64  // bytes
	Link string // target of a symbolic link; "" if the file is not one
	Pad  bool   // padding (BEP 47)
}

// torrentPage is a Torrent with the other values that its template needs.
type torrentPage struct {
	Torrent
	InfoHash     string
	Path         string       // of the download
	Magnet       template.URL // replaces Torrent.Magnet
	Title        string       // the name, or the hash if there is no name
	Summary      string       // size and number of files
	TrackerCount int64
	MoreSeeds    int // web seeds not shown
	MoreNodes    int
	Tree         *folder
}

// TorrentPage writes the page of a torrent.
func (s *Site) TorrentPage(w http.ResponseWriter, r *http.Request, t Torrent) {
	page := torrentPage{
		Torrent: t, InfoHash: t.IDs.Primary().String(), Path: downloadPath(t.IDs), Title: visibleName(t.Name),
		// html/template refuses the scheme; the link is escaped already.
		Magnet: template.URL(t.Magnet),
	}
	if strings.TrimSpace(page.Title) == "" {
		page.Title = page.InfoHash
	}
	page.Summary = formatBytes(t.ContentSize) + " in " + count(t.FileCount, "file")
	for _, tier := range t.Trackers {
		page.TrackerCount += int64(len(tier))
	}
	page.Trackers = firstTiers(t.Trackers, maxShown)
	page.WebSeeds, page.MoreSeeds = first(t.WebSeeds, maxShown)
	page.Nodes, page.MoreNodes = first(t.Nodes, maxShown)
	if named := t.FileCount == 1 && len(t.Files) == 1 && len(t.Files[0].Path) == 1 && t.Files[0].Path[0] == t.Name; !named {
		page.Tree = treeOf(t.Files)
	}
	s.write(w, r, http.StatusOK, "torrent", page)
}

// first returns at most n elements of list, and how many are left.
func first[T any](list []T, n int) (shown []T, more int) {
	n = min(n, len(list))
	return list[:n], len(list) - n
}

// firstTiers returns the first tiers, with at most n addresses in all.
func firstTiers(tiers [][]Address, n int) [][]Address {
	var shown [][]Address
	for _, tier := range tiers {
		if n == 0 {
			break
		}
		tier, _ = first(tier, n)
		n -= len(tier)
		shown = append(shown, tier)
	}
	return shown
}
