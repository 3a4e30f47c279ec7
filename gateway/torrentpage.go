package gateway

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/web"
)

const (
	// infoPath begins the paths of the pages of torrents.
	infoPath = "/info/"

	// filesOnPage is how many files the page of a torrent has at most.
	filesOnPage = 500

	// rendering is how many times the size of its description the page of a torrent takes in
	// memory: an invisible byte becomes [U+0001], with its plus sign escaped.
	rendering = 16
)

// torrent serves the page of a torrent. Search engines may not list it.
func (p *pages) torrent(w http.ResponseWriter, r *http.Request) {
	ids, err := infohash.ParsePasted(r.PathValue("info_hash"))
	if err != nil {
		p.refuseTorrent(w, r, reason.New(reason.HashMalformed, "%v", err))
		return
	}
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	token := r.URL.Query().Get("files")
	about, err := p.client.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{
		InfoHash: ids.Primary().String(), FilePageSize: filesOnPage, FilePageToken: token,
	})
	if err == nil {
		err = limit.ReservationOf(ctx).Take(ctx, rendering*int64(proto.Size(about)))
	}
	if err != nil {
		p.answerInfo(w, r, web.LookupResult{
			Query: ids.Primary().String(), IDs: ids, Err: reason.Of(err), Trackers: wanted.Trackers(r.URL.Query()["tr"]), Self: p.pageOf(r, ids),
		})
		return
	}
	setNoIndex(w.Header())
	page := torrentOf(about)
	outcome.About(w, page.IDs.Primary())
	page.LaterPage = token != ""
	page.Magnet = sharedMagnet(about, p.site.Source(page.IDs))
	p.site.TorrentPage(w, r, page)
}

func (p *pages) refuseTorrent(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	p.answerInfo(w, r, web.LookupResult{Query: r.PathValue("info_hash"), Err: e})
}

// answerInfo answers that a torrent has no page, and gives the reason.
func (p *pages) answerInfo(w http.ResponseWriter, r *http.Request, result web.LookupResult) {
	setNoIndex(w.Header())
	p.answerLookup(w, r, result)
}

func setNoIndex(h http.Header) { h.Set("X-Robots-Tag", "noindex") }

// torrentOf returns the content of the page of a torrent, without the magnet link.
func torrentOf(about *torrentcachev1.DescribeTorrentResponse) web.Torrent {
	t := web.Torrent{
		IDs:         infohash.SetOf(about.GetInfoHashV1(), about.GetInfoHashV2()),
		Name:        about.GetName(),
		TorrentSize: about.GetTorrentSizeBytes(),
		ContentSize: about.GetContentSizeBytes(),
		PieceLength: about.GetPieceLengthBytes(),
		PieceCount:  about.GetPieceCount(),
		FileCount:   about.GetFileCount(),
		Private:     about.GetPrivate(),
		NoLayers:    about.GetMissingPieceLayers(),
		Cut:         about.GetTruncated(),
		Created:     timeOf(about.GetCreationTime()),
		Stored:      timeOf(about.GetUpdateTime()),
		CreatedBy:   about.GetCreatedBy(),
		Comment:     about.GetComment(),
		Source:      about.GetSource(),
		NextFiles:   about.GetNextFilePageToken(),
	}
	for _, tier := range about.GetTrackerTiers() {
		t.Trackers = append(t.Trackers, addresses(about, tier.GetUrls()))
	}
	t.WebSeeds = append(addresses(about, about.GetWebSeeds()), addresses(about, about.GetHttpSeeds())...)
	for _, n := range about.GetNodes() {
		t.Nodes = append(t.Nodes, net.JoinHostPort(n.GetHost(), strconv.Itoa(int(n.GetPort()))))
	}
	for _, f := range about.GetFiles() {
		t.Files = append(t.Files, web.File{
			Path: f.GetPathSegments(), Size: f.GetSizeBytes(), Pad: f.GetPad(),
			Link: strings.Join(f.GetSymlinkPathSegments(), "/"),
		})
	}
	return t
}

// timeOf returns the zero time for nil.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// addresses returns the URLs in the form in which a page may show them.
func addresses(about *torrentcachev1.DescribeTorrentResponse, urls []string) []web.Address {
	list := make([]web.Address, len(urls))
	for i, u := range urls {
		list[i] = web.Address{Text: u}
		if isSecret(about, u) {
			list[i] = web.Address{Text: hostOf(u), Hidden: true}
		}
	}
	return list
}

// isSecret reports whether the URL of a tracker or web seed is for its owner alone: it belongs
// to a private torrent, or it has a passkey or a password in it.
func isSecret(about *torrentcachev1.DescribeTorrentResponse, address string) bool {
	_, rest, _ := strings.Cut(address, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return about.GetPrivate() || metainfo.IsPasskeyURL(address) || strings.Contains(authority, "@")
}

// hostOf returns the host of a URL with its port, "…" if there is none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return metainfo.CutMark
	}
	return u.Host
}

// sharedMagnet returns the magnet link of a torrent without the addresses that are secret. If
// source is not "", the link names it as the address of the .torrent file.
func sharedMagnet(about *torrentcachev1.DescribeTorrentResponse, source string) string {
	var kept []string
	for part := range strings.SplitSeq(about.GetMagnetLink(), "&") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "xs":
			if source != "" {
				continue
			}
		case "tr", "ws":
			if address, err := url.QueryUnescape(value); err != nil || isSecret(about, address) {
				continue
			}
		}
		kept = append(kept, part)
	}
	if source != "" {
		kept = append(kept, "xs="+url.QueryEscape(source))
	}
	return strings.Join(kept, "&")
}
