package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/store"
)

// originName is the named value that tells this store from others, as the origin of removals.
const originName = "origin"

// removalOrigin is the name of this server as the origin of removals.
type removalOrigin struct {
	mu   sync.Mutex
	text string // empty until it is known; guarded by mu
}

// originText returns the name. It has the epoch of the feed: a store that was restored from a
// backup has forgotten removals, and is to learn them from those who made them after it.
func (s *Server) originText(ctx context.Context) (string, error) {
	s.origin.mu.Lock()
	defer s.origin.mu.Unlock()
	if s.origin.text != "" {
		return s.origin.text, nil
	}
	name, err := s.store.Value(ctx, originName)
	if err == nil && name == nil {
		name = make([]byte, 16)
		_, _ = rand.Read(name[:8]) // never fails
		name = hex.AppendEncode(nil, name[:8])
		err = s.store.SetValue(ctx, originName, name)
	}
	if err != nil {
		return "", err
	}
	end, err := s.store.End(ctx)
	if err != nil {
		return "", err
	}
	s.origin.text = fmt.Sprintf("%.32s-%x", name, end.Epoch)
	return s.origin.text, nil
}

// What removals that a source decided say of themselves, so that they can be told from those
// of the operator here.
const (
	copiedReference = "mirror of "
	copiedReason    = "removed at its source; origin "
)

// copied is the removal of a torrent that is removed at source, and was first at origin.
func copied(source, origin string, keep bool) store.Removal {
	return store.Removal{Reason: copiedReason + origin, Reference: copiedReference + source, Keep: keep}
}

// isOf reports whether a removal is one that source decided.
func isOf(r store.Removal, source string) bool { return r.Reference == copiedReference+source }

// notice is a removal as other servers hear of it.
func (s *Server) notice(ctx context.Context, r store.Removal) (*torrentcachev1.RemovalNotice, error) {
	first, isCopy := strings.CutPrefix(r.Reason, copiedReason)
	if !isCopy || !strings.HasPrefix(r.Reference, copiedReference) {
		var err error
		if first, err = s.originText(ctx); err != nil {
			return nil, err
		}
	}
	return &torrentcachev1.RemovalNotice{RemovalTime: timestamppb.New(r.Time), Origin: first}, nil
}
