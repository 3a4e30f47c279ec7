package removals

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
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// originName is the named value that identifies this store as the origin of removals.
const originName = "origin"

// serverName is the name of this server as the origin of removals.
type serverName struct {
	text  atomic.Pointer[string] // nil until it is known
	reads flight.Group[struct{}, string]
}

// Origin returns the name of this server as the origin of removals. The name includes the epoch of
// the feed: a store that was restored from a backup has forgotten later removals, and must learn
// them from the servers that mirrored them.
func (r *Removals) Origin(ctx context.Context) (string, error) {
	if text := r.origin.text.Load(); text != nil {
		return *text, nil
	}
	read := func() (string, error) { return r.readOrigin(ctx) }
	text, err := r.origin.reads.Do(ctx, struct{}{}, read, func(text string, err error) {
		if err == nil {
			r.origin.text.Store(&text)
		}
	})
	return text, api.Error(err)
}

// readOrigin returns the name that the store holds, and gives it one if it holds none. Only one
// call runs at a time.
func (r *Removals) readOrigin(ctx context.Context) (string, error) {
	name, err := r.store.Value(ctx, originName)
	if err == nil && name == nil {
		name = make([]byte, 16)
		_, _ = rand.Read(name[:8]) // never fails
		name = hex.AppendEncode(nil, name[:8])
		err = r.store.SetValue(ctx, originName, name)
	}
	if err != nil {
		return "", err
	}
	end, err := r.store.End(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.32s-%x", name, end.Epoch), nil
}

// The beginnings of the texts of removals that a source decided. They tell them from those of the
// operator here.
const (
	copiedReference = "mirror of "
	copiedReason    = "removed at its source; origin "
)

// Notice returns a removal in the form for other servers.
func (r *Removals) Notice(ctx context.Context, removal store.Removal) (*torrentcachev1.RemovalNotice, error) {
	first, isCopy := strings.CutPrefix(removal.Reason, copiedReason)
	if !isCopy || !strings.HasPrefix(removal.Reference, copiedReference) {
		var err error
		if first, err = r.Origin(ctx); err != nil {
			return nil, err
		}
	}
	return &torrentcachev1.RemovalNotice{RemovalTime: timestamppb.New(removal.Time), Origin: first}, nil
}
