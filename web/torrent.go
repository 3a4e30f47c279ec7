package web

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// maxShown is how many trackers, web seeds or nodes the page of a torrent lists of each.
const maxShown = 100

// Torrent is what the page of a torrent says. Its texts come from its uploader.
type Torrent struct {
	IDs         infohash.Set
	Name        string
	TorrentSize int64 // bytes, as the two that follow
	ContentSize int64
	PieceLength int64
	PieceCount  int64
	FileCount   int64 // in all pages
	Private     bool  // BEP 27
	NoLayers    bool  // piece layers (BEP 52) are missing
	Cut         bool  // the torrent says more than this

	Created   time.Time // zero: not known
	Stored    time.Time // likewise
	CreatedBy string
	Comment   string
	Source    string
	Trackers  [][]Address // by tier
	WebSeeds  []Address
	Nodes     []string // HOST:PORT
	Magnet    string   // a whole magnet link, escaped

	Files     []File // of this page
	LaterPage bool   // whether Files begin behind the first file
	NextFiles string // token of the page that follows; "" if none does
}

// Address is the URL of a tracker or a web seed.
type Address struct {
	Text   string // the URL, or of a hidden one the host
	Hidden bool   // only the host may be shown
}

// File is a file of a torrent.
type File struct {
	Path []string
	Size int64  // bytes
	Link string // where a symbolic link points, "" if the file is none
	Pad  bool   // only padding (BEP 47)
}

// torrentPage is Torrent as its template sees it.
type torrentPage struct {
	Torrent
	InfoHash     string
	Path         string       // of the download
	Magnet       template.URL // in place of the Torrent's
	Title        string       // the name, or the hash if there is no name
	Summary      string       // of what is in it
	TrackerCount int64
	MoreSeeds    int // that are not shown
	MoreNodes    int
	Tree         *folder
}

// TorrentPage writes the page of a torrent.
func (s *Site) TorrentPage(w http.ResponseWriter, r *http.Request, t Torrent) {
	page := torrentPage{
		Torrent: t, InfoHash: t.IDs.Primary().String(), Path: downloadPath(t.IDs), Title: visibleName(t.Name),
		// html/template refuses the scheme; the link is escaped.
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

// first returns up to n of list, and how many are left.
func first[T any](list []T, n int) (shown []T, more int) {
	n = min(n, len(list))
	return list[:n], len(list) - n
}

// firstTiers returns the tiers with up to n addresses in all.
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
