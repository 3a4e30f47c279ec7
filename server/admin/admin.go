// Package admin implements the operator's service, AdminService, over a [server.Server]:
// statistics, maintenance, removals, and the servers that this one mirrors.
package admin

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/internal/api"
)

// Options configure a [Service].
type Options struct {
	// Version is the version of the program, for GetStats.
	Version string
	// Maintenance maintains the store. Nil: the store has no maintenance.
	Maintenance Maintenance
	// Repair fetches and stores the torrents of ids, which a verification found lost, and returns
	// those that it could not repair. Nil: nothing is repaired.
	Repair func(ctx context.Context, ids []infohash.ID) []infohash.ID
	// Mirrors are the servers that this one follows. Nil: none.
	Mirrors Mirrors
	// OnDrain makes the server report for good that it is not ready. It may be called more than
	// once. Nil: the server cannot drain.
	OnDrain func()
}

// Mirrors are the servers that a server follows. It is safe for concurrent use.
type Mirrors interface {
	// Stats returns how far each mirror is.
	Stats() []*torrentcachev1.MirrorStats
	// Resume follows source again after following stopped; with skip it ignores the
	// removals of source up to now. It returns false if source is not followed.
	Resume(ctx context.Context, source string, skip bool) (bool, error)
}

// Service implements AdminService. It is safe for concurrent use.
type Service struct {
	torrentcachev1.UnsafeAdminServiceServer
	Options
	server  *server.Server
	started time.Time

	verifying, backingUp sync.Mutex // held while a call of that kind runs
}

// New returns the Service of srv.
func New(srv *server.Server, o Options) *Service {
	return &Service{Options: o, server: srv, started: time.Now()}
}

// Register registers the service, for the admin listener only.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	torrentcachev1.RegisterAdminServiceServer(r, s)
}

// Drain implements AdminService.
func (s *Service) Drain(ctx context.Context, _ *torrentcachev1.DrainRequest) (*torrentcachev1.DrainResponse, error) {
	if s.OnDrain == nil {
		return nil, reason.New(reason.Unimplemented, "this server cannot drain")
	}
	err := s.server.Audit.Do(ctx, audit.Entry{Action: "drain"}, func() error {
		s.OnDrain()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.DrainResponse{}, nil
}

// ResumeMirror implements AdminService. It makes the mirror continue. If the request asks to
// restore, the mirror ignores the source's removals up to now, and ResumeMirror undoes those
// already made here.
func (s *Service) ResumeMirror(ctx context.Context, req *torrentcachev1.ResumeMirrorRequest) (*torrentcachev1.ResumeMirrorResponse, error) {
	source, known := req.GetSource(), false
	if s.Mirrors != nil {
		var err error
		if known, err = s.Mirrors.Resume(ctx, source, req.GetRestore()); err != nil {
			return nil, err
		}
	}
	if !known && !req.GetRestore() {
		return nil, reason.New(reason.RequestInvalid, "this server mirrors no %s: give the HOST:PORT of one --mirror-of", api.Quote(source)).On("source")
	}
	answer := &torrentcachev1.ResumeMirrorResponse{}
	if req.GetRestore() {
		n, err := s.server.Copies().RestoreAll(ctx, source)
		if err != nil {
			return nil, err
		}
		answer.RestoredCount = n
	}
	return answer, nil
}
