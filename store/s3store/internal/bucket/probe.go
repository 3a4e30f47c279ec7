package bucket

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/torrentcache/torrentcache/store"
)

// Probe finds out whether the endpoint can do what the store rests on: it must
// refuse to overwrite with If-None-Match, and should overwrite with If-Match
// only what was named. It sets matching.
func (b *Bucket) Probe(ctx context.Context) error {
	var random [8]byte
	rand.Read(random[:])
	key := "probe/" + hex.EncodeToString(random[:])
	if err := b.Put(ctx, key, probeBody(key, 1), ""); err != nil {
		return explainTest(err)
	}
	defer func() { _ = b.Remove(context.WithoutCancel(ctx), key) }() // what stays is a few bytes
	switch err := b.Put(ctx, key, probeBody(key, 2), ""); {
	case err == nil:
		return &unfit{store.ErrInvalid, "the endpoint ignores If-None-Match, so two nodes could both store a torrent first; use an object store that has conditional writes"}
	case !errors.Is(err, ErrLost):
		return fmt.Errorf("a test of If-None-Match failed: %w", err)
	}
	for _, m := range []Matching{MatchQuoted, MatchPlain} {
		works, err := b.probeMatch(ctx, key, m)
		if err != nil {
			return fmt.Errorf("a test of If-Match failed: %w", err)
		}
		if works {
			b.Matching = m
			return nil
		}
	}
	b.Matching = MatchNone
	return nil
}

// probeMatch reports whether If-Match in the form m lets the right write pass
// and refuses the wrong one.
func (b *Bucket) probeMatch(ctx context.Context, key string, m Matching) (bool, error) {
	b.Matching = m
	_, etag, err := b.Get(ctx, key, 0, nil)
	if err != nil {
		return false, err
	}
	err = b.Put(ctx, key, probeBody(key, 3+int(m)), etag)
	if err != nil {
		return false, ignoreRefusal(err)
	}
	err = b.Put(ctx, key, probeBody(key, 5+int(m)), etag) // that of before
	return errors.Is(err, ErrLost), ignoreRefusal(err)
}

// ignoreRefusal returns nil if err says that the endpoint refused the header:
// as not matching, or as one it does not know.
func ignoreRefusal(err error) error {
	if f, ok := errors.AsType[*Failure](err); errors.Is(err, ErrLost) || ok && !f.Again && !f.Landed {
		return nil
	}
	return err
}

func probeBody(key string, n int) []byte { return fmt.Appendf(nil, "%s %d\n", key, n) }

// TryWrite writes and so shows that the store can take uploads.
func (b *Bucket) TryWrite(ctx context.Context, node string) error {
	return b.Send(ctx, "probe/"+node, probeBody(node, 0), http.Header{})
}
