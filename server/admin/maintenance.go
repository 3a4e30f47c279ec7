package admin

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// Maintenance maintains a store on disk while it serves. Its methods are safe for concurrent use.
type Maintenance interface {
	// Verify reads every torrent and compares it with its checksum, then calls Check. Damage is no
	// error: Verify passes damaged and unreadable torrents to Progress. It ends early with ctx.
	Verify(ctx context.Context, o VerifyOptions) error
	// Backup writes a copy of the store to the folder dir. If dir exists and is not empty, the
	// error wraps [store.ErrInvalid]. When Backup returns nil, the copy is complete and durable.
	// It calls progress with the bytes copied and the bytes to copy in all.
	Backup(ctx context.Context, dir string, progress func(copied, total int64)) error
	// Unread counts, for each rank of writers, the torrents that nobody read or stored for age.
	Unread(ctx context.Context, age time.Duration) ([]store.Unread, error)
	// Missing returns the store's files that are gone or cut short.
	Missing() []Missing
}

// Missing is a file of the store that is gone or cut short.
type Missing struct {
	File     string // its name, relative to the folder of the store
	From     int64  // the offset at which it ends too early; 0: the file is gone
	Counted  bool   // whether the two counts are known
	Torrents int64  // torrents in it; they are damaged until uploads heal them
	Removed  int64  // removals in it; they still apply
}

// progressPause is the minimum time between two answers that report progress, so that many small
// torrents do not make many messages.
const progressPause = 250 * time.Millisecond

// begin claims the store for one kind of maintenance, which runs once at a time. The caller calls
// done when it has ended.
func (s *Service) begin(running *sync.Mutex, method string) (done func(), err error) {
	if s.Maintenance == nil {
		return nil, reason.New(reason.Unimplemented, "%s is for a store on this server's disk; torrents in a bucket are checked when they are read, and backed up by the object store's tools", method)
	}
	if !running.TryLock() {
		return nil, reason.New(reason.Overloaded, "another %s is running: wait until it has ended", method)
	}
	return running.Unlock, nil
}

// BackupStore implements AdminService.
func (s *Service) BackupStore(req *torrentcachev1.BackupStoreRequest, stream grpc.ServerStreamingServer[torrentcachev1.BackupStoreResponse]) error {
	done, err := s.begin(&s.backingUp, "BackupStore")
	if err != nil {
		return err
	}
	defer done()
	if !filepath.IsAbs(req.GetDirectory()) {
		return reason.New(reason.RequestInvalid, "directory %s: want the absolute path of a folder on the server's machine", api.Quote(req.GetDirectory())).On("directory")
	}
	answer := &torrentcachev1.BackupStoreResponse{}
	sent := time.Now()
	err = s.server.Audit.Do(stream.Context(), audit.Entry{Action: "backup", Directory: req.GetDirectory()}, func() error {
		return backupError(s.Maintenance.Backup(stream.Context(), req.GetDirectory(), func(copied, total int64) {
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

// backupError returns the API's error for an error of a backup. It names the problem with the
// folder, because the operator chose that folder.
func backupError(err error) error {
	_, ofFile := errors.AsType[*fs.PathError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrFull):
		return reason.New(reason.StorageFull, "no room for the copy: %s", err).Because(err)
	case ofFile, errors.Is(err, store.ErrInvalid):
		return reason.New(reason.RequestInvalid, "the copy cannot be written: %s", err).On("directory").Because(err)
	default:
		return api.Error(err)
	}
}
