package bucket

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/torrentcache/torrentcache/store"
)

// Probe tests the features that a store rests on. The endpoint must refuse to overwrite an
// object with If-None-Match, and should overwrite with If-Match only the object named. Probe
// sets Matching.
func (b *Bucket) Probe(ctx context.Context) error {
	var random [8]byte
	rand.Read(random[:])
	key := "probe/" + hex.EncodeToString(random[:])
	if err := b.Put(ctx, key, probeBody(key, 1), ""); err != nil {
		return explainTest(err)
	}
	defer func() { _ = b.Remove(context.WithoutCancel(ctx), key) }() // on failure a few bytes stay
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

// probeMatch reports whether If-Match in the form m lets the right write pass and refuses a
// wrong one.
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
	err = b.Put(ctx, key, probeBody(key, 5+int(m)), etag) // the previous ETag
	return errors.Is(err, ErrLost), ignoreRefusal(err)
}

// ignoreRefusal returns nil if err says that the endpoint refused the header, because it does
// not match or because the endpoint does not know it.
func ignoreRefusal(err error) error {
	if f, ok := errors.AsType[*Failure](err); errors.Is(err, ErrLost) || ok && !f.Again && !f.Landed {
		return nil
	}
	return err
}

func probeBody(key string, n int) []byte { return fmt.Appendf(nil, "%s %d\n", key, n) }

// TryWrite writes a test object, to show that the store can take uploads.
func (b *Bucket) TryWrite(ctx context.Context, node string) error {
	return b.Send(ctx, "probe/"+node, probeBody(node, 0), http.Header{})
}

// unfit tells the operator why a bucket cannot be used.
type unfit struct {
	kind error // an error of package store
	text string
}

func (u *unfit) Error() string { return u.text }
func (u *unfit) Unwrap() error { return u.kind }

// explainTest turns the error of the first test write into one that tells the operator the remedy:
// a wrong configuration causes it more often than an outage.
func explainTest(err error) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return fmt.Errorf("a test write failed: %w", err)
	}
	cause := f.cause
	if u, ok := errors.AsType[*url.Error](cause); ok {
		cause = u.Err // leave out the address of the test object
	}
	text := fmt.Sprintf("a test write failed: %v", cause)
	if advice := adviceFor(f); advice != "" {
		text += ": " + advice
	}
	return &unfit{err, text}
}

// adviceFor returns the remedy for f; empty if none is known.
func adviceFor(f *Failure) string {
	switch f.Code {
	case "NoSuchBucket":
		return "make the bucket first, or name another one"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "XAdminUserNotFound":
		return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the credentials file, and that they are this endpoint's"
	case "AccessDenied":
		return "the credentials that were found, if any, may not write there: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and their permissions"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException":
		return "give the bucket's region as region=NAME"
	case "NotImplemented", "501 Not Implemented": // the second is of an answer without XML
		return "the endpoint refuses If-None-Match; use an object store that has conditional writes"
	case "RequestTimeTooSkewed":
		return "set this machine's clock"
	}
	_, plain := errors.AsType[tls.RecordHeaderError](f.cause)
	_, unverified := errors.AsType[*tls.CertificateVerificationError](f.cause)
	_, unreachable := errors.AsType[*net.OpError](f.cause)
	switch {
	case unverified:
		return "name the file of its authority in SSL_CERT_FILE"
	case plain:
		return "it has no TLS: give it as endpoint=http://HOST:PORT"
	case unreachable, errors.Is(f.cause, context.DeadlineExceeded):
		return "check endpoint=URL, and that the object store runs"
	}
	return ""
}
