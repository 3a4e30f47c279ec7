package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/store"
)

// progressPause is the least time between two answers of a call that tells its
// progress, so that many small torrents do not make many messages.
const progressPause = 250 * time.Millisecond

// maxDamagedPerAnswer keeps an answer below the 4 MiB that clients take.
const maxDamagedPerAnswer = 10_000

// Maintenance is what a store on disk can do while it serves; one in memory has
// no need of it. Its methods are safe for concurrent use.
type Maintenance interface {
	// Verify reads every torrent and compares it with its checksum, then asks
	// Check. Found damage is no error, it is told to Progress. It ends early with
	// ctx.
	Verify(ctx context.Context, o VerifyOptions) error
	// Backup writes a copy of the store to the folder dir, which does not exist
	// or is empty, else the error wraps [store.ErrInvalid]. When it returns nil the copy is complete and durable.
	// Progress is told the bytes copied and those to copy in all.
	Backup(ctx context.Context, dir string, progress func(copied, total int64)) error
}

// VerifyOptions say how to verify a store.
type VerifyOptions struct {
	// BytesPerSecond is the most to read; 0 means no bound.
	BytesPerSecond int64
	// Check returns why the torrent is not what its ids say; nil if it is.
	Check func(store.Torrent) error
	// Progress is told now and then how far it is, by one call at a time.
	Progress func(VerifyProgress)
}

// VerifyProgress is how far a Verify is.
type VerifyProgress struct {
	Checked int64         // torrents read
	Total   int64         // torrents to read, as counted at the start
	Bytes   int64         // bytes read
	Damaged []infohash.ID // found since the last call
}

// CheckTorrent returns an error unless the torrent is one and its ids are those
// of its info bytes. Every torrent was parsed before it was stored, so one that
// cannot be parsed is not what was put.
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

// VerifyStore implements AdminService.
func (s *adminService) VerifyStore(req *torrentcachev1.VerifyStoreRequest, stream grpc.ServerStreamingServer[torrentcachev1.VerifyStoreResponse]) error {
	done, err := s.begin(&s.verifying, "VerifyStore")
	if err != nil {
		return err
	}
	defer done()
	if req.GetMaxBytesPerSecond() < 0 {
		return reason.New(reason.RequestInvalid, "max_bytes_per_second is %d, want zero or more", req.GetMaxBytesPerSecond())
	}
	answer := &torrentcachev1.VerifyStoreResponse{}
	sent := time.Now()
	err = s.maintenance.Verify(stream.Context(), VerifyOptions{
		BytesPerSecond: req.GetMaxBytesPerSecond(),
		Check:          CheckTorrent,
		Progress: func(p VerifyProgress) {
			answer.CheckedCount, answer.TotalCount, answer.CheckedBytes = p.Checked, p.Total, p.Bytes
			for _, id := range p.Damaged {
				answer.DamagedInfoHashes = append(answer.DamagedInfoHashes, id.String())
			}
			due := time.Since(sent) >= progressPause || len(answer.DamagedInfoHashes) >= maxDamagedPerAnswer
			// If the client is gone the stream's context ends the work.
			if due && stream.Send(answer) == nil {
				answer, sent = &torrentcachev1.VerifyStoreResponse{
					CheckedCount: p.Checked, TotalCount: p.Total, CheckedBytes: p.Bytes}, time.Now()
			}
		},
	})
	if err != nil {
		return storeError(err, infohash.ID{})
	}
	return stream.Send(answer)
}

// BackupStore implements AdminService.
func (s *adminService) BackupStore(req *torrentcachev1.BackupStoreRequest, stream grpc.ServerStreamingServer[torrentcachev1.BackupStoreResponse]) error {
	done, err := s.begin(&s.backingUp, "BackupStore")
	if err != nil {
		return err
	}
	defer done()
	if !filepath.IsAbs(req.GetDirectory()) {
		return reason.New(reason.RequestInvalid, "directory %s: want the absolute path of a folder on the server's machine", quote(req.GetDirectory()))
	}
	answer := &torrentcachev1.BackupStoreResponse{}
	sent := time.Now()
	err = s.audited(stream.Context(), audit.Entry{Action: "backup", Directory: req.GetDirectory()}, func() error {
		return backupError(s.maintenance.Backup(stream.Context(), req.GetDirectory(), func(copied, total int64) {
			answer = &torrentcachev1.BackupStoreResponse{CopiedBytes: copied, TotalBytes: total}
			// If the client is gone the stream's context ends the work.
			if time.Since(sent) >= progressPause && stream.Send(answer) == nil {
				sent = time.Now()
			}
		}))
	})
	if err != nil {
		return err
	}
	return stream.Send(answer)
}

// backupError tells the operator, who chose the folder, what is wrong with it.
func backupError(err error) error {
	_, ofFile := errors.AsType[*fs.PathError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrFull):
		return reason.New(reason.StorageFull, "no room for the copy: %s", err).Because(err)
	case ofFile, errors.Is(err, store.ErrInvalid):
		return reason.New(reason.RequestInvalid, "the copy cannot be written: %s", err).Because(err)
	default:
		return storeError(err, infohash.ID{})
	}
}

// begin claims the store for one kind of maintenance, which runs once at a
// time. The caller calls done at its end.
func (s *adminService) begin(running *sync.Mutex, method string) (done func(), err error) {
	if s.maintenance == nil {
		return nil, reason.New(reason.Unimplemented, "%s is for a store on this server's disk; what is in a bucket is checked when it is read, and backed up by the object store's tools", method)
	}
	if !running.TryLock() {
		return nil, reason.New(reason.Overloaded, "another %s is running, wait for its end", method)
	}
	return running.Unlock, nil
}
