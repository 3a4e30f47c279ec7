package server_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

// The error for a removed or denied torrent names once whom to ask about it, whichever of its
// ids the caller names.
func TestContactIsNamedOnce(t *testing.T) {
	const contact = "abuse@cache.example"
	denied, removed := torrenttest.Hybrid("denied"), torrenttest.Hybrid("removed")
	file := filepath.Join(t.TempDir(), "deny.txt")
	if err := os.WriteFile(file, []byte(parse(t, denied).IDs().V1.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lists, err := deny.Open(deny.Options{Files: []string{file}, OnChange: func() {}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) { o.Contact, o.Deny = contact, lists })
	putDirectly(t, h, itemOf(t, denied, store.RankAnonymous))
	request := &torrentcachev1.RemoveTorrentRequest{InfoHash: h.Put(t, removed).GetInfoHash()}
	if _, err := h.Admin.RemoveTorrent(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	for name, torrent := range map[string][]byte{"denied": denied, "removed": removed} {
		hash := parse(t, torrent).IDs().V2.String()
		_, got := h.Get(t.Context(), hash)
		_, described := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
		_, put := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		messages := map[string]string{"reading": reason.Of(got).Message, "describing": reason.Of(described).Message, "uploading": reason.Of(put).Message}
		if many, err := readMany(t, h, hash); err != nil || (many[0].GetRemoval() == nil) != (name == "denied") {
			t.Errorf("%s: reading many: %v, %v", name, many, err)
		} else if many[0].GetRemoval() == nil {
			messages["reading many"] = many[0].GetError().GetMessage()
		}
		for call, message := range messages {
			if strings.Count(message, contact) != 1 || !strings.HasSuffix(message, "; questions go to "+contact) {
				t.Errorf("%s, %s: %q", name, call, message)
			}
		}
	}
}
