package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

// originName is the named value that tells this store from others, as the origin of removals.
const originName = "origin"

// removalOrigin is the name of this server as the origin of removals.
type removalOrigin struct {
	text  atomic.Pointer[string] // nil until it is known
	reads flight.Group[struct{}, string]
}

// originText returns the name. It has the epoch of the feed: a store that was restored from a
// backup has forgotten removals, and is to learn them from those who made them after it.
func (s *Server) originText(ctx context.Context) (string, error) {
	if text := s.origin.text.Load(); text != nil {
		return *text, nil
	}
	read := func() (string, error) { return s.readOrigin(ctx) }
	return s.origin.reads.Do(ctx, struct{}{}, read, func(text string, err error) {
		if err == nil {
			s.origin.text.Store(&text)
		}
	})
}

// readOrigin returns the name as the store has it, which gets one if it has none. One call of it
// runs at a time.
func (s *Server) readOrigin(ctx context.Context) (string, error) {
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
	return fmt.Sprintf("%.32s-%x", name, end.Epoch), nil
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
