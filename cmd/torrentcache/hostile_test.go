package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// evil is text that must never reach a terminal from a server. It would set the window's title,
// clear the screen in two ways, write over the line, and turn the direction of the text.
const evil = "e\x1b]0;t\x07\x1b[2J\u009b2J\rvil\b\u202e\x7f"

// evilServer says evil wherever it may say anything.
type evilServer struct {
	torrentcachev1.UnimplementedAdminServiceServer
	torrentcachev1.UnimplementedCacheServiceServer
	torrentcachev1.UnimplementedSyncServiceServer
	refuses bool
}

func (s *evilServer) refusal() error {
	if s.refuses {
		return reason.New(reason.Internal, "%s", evil)
	}
	return nil
}

func (s *evilServer) GetStats(context.Context, *torrentcachev1.GetStatsRequest) (*torrentcachev1.GetStatsResponse, error) {
	return &torrentcachev1.GetStatsResponse{Version: evil, MissingSegments: []*torrentcachev1.MissingSegment{{File: evil}}}, s.refusal()
}

func (s *evilServer) VerifyStore(_ *torrentcachev1.VerifyStoreRequest, answers grpc.ServerStreamingServer[torrentcachev1.VerifyStoreResponse]) error {
	if err := s.refusal(); err != nil {
		return err
	}
	return answers.Send(&torrentcachev1.VerifyStoreResponse{
		DamagedInfoHashes: []string{evil}, UnreadableInfoHashes: []string{evil}, MissingSegments: []*torrentcachev1.MissingSegment{{File: evil}}})
}

func (s *evilServer) FindDeniedTorrents(_ *torrentcachev1.FindDeniedTorrentsRequest, answers grpc.ServerStreamingServer[torrentcachev1.FindDeniedTorrentsResponse]) error {
	if err := s.refusal(); err != nil {
		return err
	}
	return answers.Send(&torrentcachev1.FindDeniedTorrentsResponse{Torrents: []*torrentcachev1.DeniedTorrent{{InfoHash: evil, File: evil}}})
}

func (s *evilServer) RemoveTorrent(context.Context, *torrentcachev1.RemoveTorrentRequest) (*torrentcachev1.RemoveTorrentResponse, error) {
	return nil, reason.New(reason.Internal, "%s", evil)
}

func (s *evilServer) RemoveTorrents(context.Context, *torrentcachev1.RemoveTorrentsRequest) (*torrentcachev1.RemoveTorrentsResponse, error) {
	return &torrentcachev1.RemoveTorrentsResponse{Results: []*torrentcachev1.RemoveTorrentsResult{
		{Result: &torrentcachev1.RemoveTorrentsResult_Error{Error: &torrentcachev1.ItemError{Reason: evil, Message: evil}}}}}, s.refusal()
}

func (s *evilServer) DescribeTorrent(context.Context, *torrentcachev1.DescribeTorrentRequest) (*torrentcachev1.DescribeTorrentResponse, error) {
	return &torrentcachev1.DescribeTorrentResponse{
		Name: evil, InfoHashV1: evil, Comment: evil, Files: []*torrentcachev1.TorrentFile{{PathSegments: []string{evil}}}, FileCount: 1}, s.refusal()
}

func (s *evilServer) GetTorrent(context.Context, *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	return nil, reason.New(reason.Internal, "%s", evil)
}

func (s *evilServer) FindMissingTorrents(context.Context, *torrentcachev1.FindMissingTorrentsRequest) (*torrentcachev1.FindMissingTorrentsResponse, error) {
	return &torrentcachev1.FindMissingTorrentsResponse{MissingInfoHashes: []string{evil}}, s.refusal()
}

// WatchChanges tells of one change, and then of none.
func (s *evilServer) WatchChanges(r *torrentcachev1.WatchChangesRequest, answers grpc.ServerStreamingServer[torrentcachev1.WatchChangesResponse]) error {
	if err := s.refusal(); err != nil {
		return err
	}
	news := &torrentcachev1.WatchChangesResponse{Cursor: evil}
	if r.GetAfterCursor() == "" {
		news.Changes = []*torrentcachev1.Change{{Kind: torrentcachev1.ChangeKind_CHANGE_KIND_ADDED, InfoHash: evil, InfoHashV1: evil}}
	}
	if err := answers.Send(news); err != nil {
		return err
	}
	return answers.Send(&torrentcachev1.WatchChangesResponse{Cursor: evil})
}

// start serves on a port of its own until the test ends.
func (s *evilServer) start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	torrentcachev1.RegisterAdminServiceServer(g, s)
	torrentcachev1.RegisterCacheServiceServer(g, s)
	torrentcachev1.RegisterSyncServiceServer(g, s)
	go g.Serve(listener)
	t.Cleanup(g.Stop)
	return listener.Addr().String()
}

// No command passes the control characters in a server's text on to a terminal.
func TestNoServerCommandsTheTerminal(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(evil))
	}))
	defer web.Close()
	hash, dir := strings.Repeat("ab", 20), t.TempDir()
	torrent := writeFile(t, dir, "a.torrent", torrenttest.V1("a"))
	for _, refuses := range []bool{false, true} {
		address := (&evilServer{refuses: refuses}).start(t)
		for _, c := range [][]string{
			{"stats"}, {"verify"}, {"remove", hash}, {"restore", hash}, {"remove", "--denied"}, {"drain"}, {"backup", dir},
			{"info", hash}, {"get", "--out-dir", dir, hash}, {"get", "-o", filepath.Join(dir, "x"), hash}, {"missing"},
			{"changes"}, {"changes", "--hashes"}, {"info", "--all"}, {"push", "--patience", "1ms", torrent}, {"migrate", "--from", "server:" + address, "--to", "disk:" + t.TempDir(), "--state", filepath.Join(dir, "state")},
			{"health", "--admin", strings.TrimPrefix(web.URL, "http://")},
		} {
			for _, json := range []bool{false, true} {
				args := c
				if json {
					args = append(args[:len(args):len(args)], "--json")
				}
				var stdout, stderr strings.Builder
				run(t.Context(), args, cli.Environment{
					Environ: []string{"TORRENTCACHE_SERVER=" + address, "TORRENTCACHE_ADMIN=" + address},
					Stdin:   strings.NewReader(hash), Stdout: &stdout, Stderr: &stderr,
				})
				for _, r := range stdout.String() + stderr.String() {
					if r < ' ' && r != '\n' || 0x7f <= r && r < 0xa0 || r == 0x202e {
						t.Errorf("%v writes %U: %q, %q", args, r, stdout.String(), stderr.String())
						break
					}
				}
				if strings.Contains(stderr.String(), "unknown flag") && args[0] != "changes" {
					t.Error(stderr.String())
				}
			}
		}
	}
}
