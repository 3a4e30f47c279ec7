package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// authorize decides whether the caller may call method. It returns ctx with the [access.Principal]
// of the caller, or the error UNAUTHENTICATED or PERMISSION_DENIED.
//
// Where anonymous callers may not read, the header of each answer has cache-control: private. So no
// door keeps the answer for other callers, who would get it without authorization.
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
			return nil, reason.Unexpected(err)
		}
	}
	return access.NewContext(ctx, who), nil
}

// mayUpload decides whether the caller may upload before the message is read, so that callers who
// may not upload take no room from those who may. The error is a status.
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

// credentialsOf returns the caller's credentials.
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
