package server

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// authorize decides whether the caller may call method. It returns ctx with who
// that is, or UNAUTHENTICATED or PERMISSION_DENIED.
//
// Where anonymous callers may not read, the header of each answer says
// cache-control: private: no door may keep it for others, who would get it
// without being asked who they are.
func (c Chain) authorize(ctx context.Context, method string) (context.Context, error) {
	if c.Access == nil {
		return ctx, nil
	}
	policy, _ := c.Access.Policy()
	who, err := policy.Decide(credentialsOf(ctx), method)
	if err != nil {
		return nil, err
	}
	if !policy.Anonymous().Has(access.Read) && strings.HasPrefix(method, "/"+apiPackage) {
		if err := grpc.SetHeader(ctx, metadata.Pairs("cache-control", "private")); err != nil {
			return nil, internal(err)
		}
	}
	return access.NewContext(ctx, who), nil
}

// mayUpload decides before the message of an upload is taken in, so that who may
// not upload takes no room from who may. The error is a status.
func (c Chain) mayUpload(ctx context.Context, method string) error {
	if c.Access == nil {
		return nil
	}
	_, err := c.Access.Decide(credentialsOf(c.withOrigin(ctx)), method)
	if err == nil {
		return nil
	}
	return c.refuse(ctx, method, err)
}

// credentialsOf returns what is known of the caller.
func credentialsOf(ctx context.Context) access.Credentials {
	known := access.Credentials{
		Authorization: strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), ", "), // two are no credentials
		Addr:          origin.FromContext(ctx),
		OtherSite:     len(metadata.ValueFromIncomingContext(ctx, access.OtherSiteKey)) > 0,
	}
	if from, ok := peer.FromContext(ctx); ok {
		if secure, ok := from.AuthInfo.(credentials.TLSInfo); ok {
			known.CertNames = access.CertNames(&secure.State)
		}
		if known.Local = from.Addr.Network() == inProcessNetwork; known.Local {
			known.CertNames = metadata.ValueFromIncomingContext(ctx, access.CertNamesKey) // only a door of this process is believed
		}
	}
	return known
}

// rank returns what an upload of the caller counts for, who may say that it counts for
// less, since it was fetched from elsewhere.
func rank(ctx context.Context, fetched bool) store.Rank {
	switch {
	case fetched:
		return store.RankFetched
	case access.FromContext(ctx).Keyed:
		return store.RankKeyed
	}
	return store.RankAnonymous
}

// stillAllowed waits until the caller of a stream may no longer call method, and
// returns why; nil if ctx ends or quit is closed before that. A stream may last
// for days, and a key that was withdrawn must not.
func (c Chain) stillAllowed(ctx context.Context, method string, quit <-chan struct{}) error {
	known := credentialsOf(ctx)
	for {
		var replaced <-chan struct{}
		if c.Access != nil {
			var policy *access.Policy
			policy, replaced = c.Access.Policy()
			if _, err := policy.Decide(known, method); err != nil {
				return err
			}
		}
		select {
		case <-replaced:
		case <-quit:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// refusal returns why the caller of a stream may no longer call; nil if it may.
func refusal(ctx context.Context) error {
	if refused, ok := errors.AsType[*reason.Error](context.Cause(ctx)); ok {
		return refused
	}
	return nil
}
