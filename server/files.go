package server

import (
	"encoding/base64"
	"encoding/binary"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// Page sizes, in files.
const (
	defaultFilePage = 100
	maxFilePage     = 10_000
)

// addFiles puts the page of files that req asks for into answer.
func addFiles(answer *torrentcachev1.DescribeTorrentResponse, torrent *metainfo.Torrent, req *torrentcachev1.DescribeTorrentRequest) error {
	id, count := torrent.IDs().Primary(), int(answer.FileCount)
	start := 0
	if token := req.GetFilePageToken(); token != "" {
		var ok bool
		if start, ok = readPageToken(token, id); !ok || start >= count {
			return reason.New(reason.RequestInvalid, "file_page_token is not from an answer about %s: leave it empty to begin anew", id).On("file_page_token")
		}
	}
	AddFiles(answer, torrent, start, pageSize(req.GetFilePageSize()))
	if next := start + len(answer.Files); next < count {
		answer.NextFilePageToken = pageToken(next, id)
	}
	return nil
}

// AddFiles adds to answer a page of up to limit files of torrent, from index start on. The page is
// shorter if paths are long, but has at least one file if start is the index of one; see
// [metainfo.Torrent.Files].
func AddFiles(answer *torrentcachev1.DescribeTorrentResponse, torrent *metainfo.Torrent, start, limit int) {
	for _, f := range torrent.Files(start, limit) {
		answer.Files = append(answer.Files, &torrentcachev1.TorrentFile{
			PathSegments:        texts(f.Path),
			SizeBytes:           f.Length,
			Pad:                 f.Pad,
			Attributes:          text(f.Attr),
			SymlinkPathSegments: texts(f.SymlinkPath),
			PiecesRoot:          f.PiecesRoot,
		})
		answer.Truncated = answer.Truncated || f.Cut
	}
}

func pageSize(asked int32) int {
	if asked <= 0 {
		return defaultFilePage
	}
	return int(min(asked, maxFilePage))
}

// A page token is the index of the page's first file in 8 bytes and the first 8 bytes of the
// torrent's id, as base64. The files of an id never change, and a token of another torrent is
// refused.
const tokenSize = 16

func pageToken(start int, id infohash.ID) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(start))
	return base64.RawURLEncoding.EncodeToString(id.AppendTo(b)[:tokenSize])
}

func readPageToken(token string, id infohash.ID) (start int, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != tokenSize {
		return 0, false
	}
	start = int(binary.BigEndian.Uint64(b))
	return start, start > 0 && token == pageToken(start, id)
}
