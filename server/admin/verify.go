package admin

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// maxHashesPerAnswer keeps an answer below the 4 MiB that clients take.
const maxHashesPerAnswer = 10_000

// VerifyOptions say how to verify a store.
type VerifyOptions struct {
	// BytesPerSecond is the maximum rate of reading; 0 means no limit.
	BytesPerSecond int64
	// GiveUp marks torrents that cannot be read as damaged.
	GiveUp bool
	// Check returns why the torrent does not belong to its ids; nil if it does.
	Check func(store.Torrent) error
	// Progress is called now and then with the progress of the Verify, by one call at a time.
	Progress func(VerifyProgress)
}

// VerifyProgress is the progress of a Verify. [Service.Verify] repairs some of the torrents that a
// [Maintenance] reports: it counts those in Healed, and not in Damaged or Unreadable.
type VerifyProgress struct {
	Checked    int64         // torrents read
	Total      int64         // torrents to read, as counted at the start
	Bytes      int64         // bytes read
	Damaged    []infohash.ID // found since the last call
	Unreadable []infohash.ID // found since the last call: their bytes cannot be read
	Cleared    int64         // wrong marks of damage that were removed, in all
	Healed     int64         // lost torrents that were fetched anew, in all
}

// CheckTorrent returns an error unless the torrent parses and its ids are those of its info bytes.
// Every torrent was parsed before it was stored, so one that does not parse was damaged since.
func CheckTorrent(t store.Torrent) error {
	parsed, err := metainfo.Parse(t.Bytes)
	if err != nil {
		return err
	}
	if parsed.IDs() != t.IDs {
		return fmt.Errorf("stored as %s, its info bytes are those of %s", t.IDs.Primary(), parsed.IDs().Primary())
	}
	return nil
}

// Verify verifies the store. While another Verify runs, it returns OVERLOADED. It fetches lost
// torrents from mirrors' sources and upstreams. Its errors are those of the API.
func (s *Service) Verify(ctx context.Context, o VerifyOptions) error {
	done, err := s.begin(&s.verifying, "VerifyStore")
	if err != nil {
		return err
	}
	defer done()
	tell, healed := o.Progress, int64(0)
	o.Progress = func(p VerifyProgress) {
		found := len(p.Damaged) + len(p.Unreadable)
		p.Damaged, p.Unreadable = s.stillLost(ctx, p.Damaged), s.stillLost(ctx, p.Unreadable)
		healed += int64(found - len(p.Damaged) - len(p.Unreadable))
		p.Healed = healed
		tell(p)
	}
	return api.Error(s.Maintenance.Verify(ctx, o))
}

// stillLost repairs the torrents that a verification found lost, and returns those that it could
// not repair.
func (s *Service) stillLost(ctx context.Context, ids []infohash.ID) []infohash.ID {
	if s.Repair == nil || len(ids) == 0 {
		return ids
	}
	return s.Repair(ctx, ids)
}

type verifyStream = grpc.ServerStreamingServer[torrentcachev1.VerifyStoreResponse]

// VerifyStore implements AdminService.
func (s *Service) VerifyStore(req *torrentcachev1.VerifyStoreRequest, stream verifyStream) error {
	if req.GetMaxBytesPerSecond() < 0 {
		return reason.New(reason.RequestInvalid, "max_bytes_per_second is %d, want zero or more", req.GetMaxBytesPerSecond()).On("max_bytes_per_second")
	}
	told := &verifyAnswers{stream: stream, next: &torrentcachev1.VerifyStoreResponse{}, sent: time.Now()}
	err := s.Verify(stream.Context(), VerifyOptions{
		BytesPerSecond: req.GetMaxBytesPerSecond(),
		GiveUp:         req.GetGiveUp(),
		Check:          CheckTorrent,
		Progress:       told.progress,
	})
	if err != nil {
		return err
	}
	told.next.MissingSegments = missingSegments(s.Maintenance)
	return stream.Send(told.next)
}

// verifyAnswers gathers the progress of a Verify into answers.
type verifyAnswers struct {
	stream verifyStream
	next   *torrentcachev1.VerifyStoreResponse
	sent   time.Time // time of the previous answer
}

// progress sends the next answer when it is due. If the client is gone, the context of the stream
// ends the work.
func (v *verifyAnswers) progress(p VerifyProgress) {
	v.next.CheckedCount, v.next.TotalCount, v.next.CheckedBytes = p.Checked, p.Total, p.Bytes
	v.next.ClearedCount, v.next.HealedCount = p.Cleared, p.Healed
	v.next.DamagedInfoHashes = appendHashes(v.next.DamagedInfoHashes, p.Damaged)
	v.next.UnreadableInfoHashes = appendHashes(v.next.UnreadableInfoHashes, p.Unreadable)
	full := len(v.next.DamagedInfoHashes)+len(v.next.UnreadableInfoHashes) >= maxHashesPerAnswer
	if due := full || time.Since(v.sent) >= progressPause; due && v.stream.Send(v.next) == nil {
		v.next = &torrentcachev1.VerifyStoreResponse{
			CheckedCount: p.Checked, TotalCount: p.Total, CheckedBytes: p.Bytes, ClearedCount: p.Cleared, HealedCount: p.Healed}
		v.sent = time.Now()
	}
}

func appendHashes(hashes []string, ids []infohash.ID) []string {
	for _, id := range ids {
		hashes = append(hashes, id.String())
	}
	return hashes
}
