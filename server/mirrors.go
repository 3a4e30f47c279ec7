package server

import (
	"context"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Mirrors are the servers that a server follows. It is safe for concurrent use.
type Mirrors interface {
	// Stats returns how far each mirror is.
	Stats() []*torrentcachev1.MirrorStats
	// Resume follows source again after following stopped; with skip it ignores the
	// removals of source up to now. It returns false if source is not followed.
	Resume(ctx context.Context, source string, skip bool) (bool, error)
}

func (s *Server) mirrorStats() []*torrentcachev1.MirrorStats {
	if s.mirrors == nil {
		return nil
	}
	return s.mirrors.Stats()
}

// ResumeMirror implements AdminService. The source is skipping removals before those that it
// made are undone.
func (s *adminService) ResumeMirror(ctx context.Context, req *torrentcachev1.ResumeMirrorRequest) (*torrentcachev1.ResumeMirrorResponse, error) {
	source, known := req.GetSource(), false
	if s.mirrors != nil {
		var err error
		if known, err = s.mirrors.Resume(ctx, source, req.GetRestore()); err != nil {
			return nil, err
		}
	}
	if !known && !req.GetRestore() {
		return nil, reason.New(reason.RequestInvalid, "this server mirrors no %s: name it as --mirror-of does, HOST:PORT", quote(source)).On("source")
	}
	answer := &torrentcachev1.ResumeMirrorResponse{}
	if req.GetRestore() {
		n, err := s.Copies().RestoreAll(ctx, source)
		if err != nil {
			return nil, err
		}
		answer.RestoredCount = n
	}
	return answer, nil
}
