package admin_test

import (
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// GetStats counts unread torrents if the request asks for it and the store knows them.
func TestUnreadStats(t *testing.T) {
	st, err := diskstore.Open(diskstore.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) { o.Store, o.Admin.Maintenance = st, &scripted{unread: st.Unread} })
	for seconds, want := range map[int64]int{0: 0, 86400: 3, 180 * 86400: 3} {
		answer, err := h.Admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{UnreadSeconds: seconds})
		if err != nil || len(answer.GetUnread()) != want {
			t.Errorf("unread for %d seconds: %v, %v", seconds, answer.GetUnread(), err)
		}
	}
	for _, seconds := range []int64{-1, 1, 86399, 1 << 62} {
		_, err := h.Admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{UnreadSeconds: seconds})
		servertest.WantReason(t, err, reason.RequestInvalid)
	}
	without := servertest.New(t, servertest.InProcess)
	_, err = without.Admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{UnreadSeconds: 86400})
	servertest.WantReason(t, err, reason.Unimplemented)
}
