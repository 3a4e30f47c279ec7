// Package bucket talks to an S3-compatible object store. It offers conditional writes that tell
// the first writer from the others, reads that reject the answers of proxies, listings, and a
// probe for the features that a store needs.
//
// A write that may have been done without an answer is read back before it is reported. Each
// request has its own deadline, and few are repeated. A [Failure] says whether the write may
// have been done and whether the same request may succeed later. This package makes and signs
// the two requests that every upload and download needs; minio-go makes all others.
package bucket

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// Matching is the form of If-Match that the endpoint accepts.
type Matching int

const (
	MatchQuoted Matching = iota // as RFC 9110 says
	MatchPlain                  // without the quotes
	MatchNone                   // not at all
)

// Bucket sends requests for the objects below Prefix; keys do not contain it. It is safe for
// concurrent use, but Probe, which sets Matching, must end before any other call begins.
type Bucket struct {
	core     *minio.Core
	wire     *wire
	name     string
	Prefix   string
	timeout  time.Duration // of one request for 1 MB or less
	observe  func(request, outcome string, took time.Duration)
	budget   budget
	Matching Matching

	lastWrite atomic.Int64 // time of the last successful write, in Unix nanoseconds
}

// Options select a bucket and the way to reach it. All fields are required.
type Options struct {
	Location
	Credentials *credentials.Credentials
	Transport   http.RoundTripper
	Timeout     time.Duration // of one request for 1 MB or less
	// Observe is called after each request with its kind, its outcome and its duration.
	Observe func(request, outcome string, took time.Duration)
}

// New returns the bucket of o. It sends nothing.
func New(o Options) (*Bucket, error) {
	l := o.Location.withDefaults()
	core, err := minio.NewCore(l.Endpoint, &minio.Options{
		Creds:      o.Credentials,
		Secure:     !l.Insecure,
		Transport:  mender{o.Transport},
		Region:     l.Region,
		MaxRetries: 1, // repetitions are ours
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", l.Endpoint, err)
	}
	wire, err := newWire(o, l)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", l.Endpoint, err)
	}
	return &Bucket{core: core, wire: wire, name: l.Bucket, Prefix: l.Prefix, timeout: o.Timeout, observe: o.Observe}, nil
}

// request runs one request for size bytes, with its own deadline.
func (b *Bucket) request(ctx context.Context, name, key string, size int, run func(ctx context.Context) error) error {
	limit := b.timeout * time.Duration(1+size/1_000_000)
	own, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	err := explain(name, key, run(own))
	_, refused := errors.AsType[*AllocError](err)
	if err != nil && ctx.Err() != nil && !refused {
		// The caller gave up: that is no failure of the engine.
		err = &Failure{request: name, key: key, cause: ctx.Err(), Landed: true}
	} else {
		b.budget.note(retryable(err))
	}
	b.observe(name, outcomeOf(err), time.Since(begin))
	return err
}

// fingerprint is how many leading bytes of an object identify the write that made it.
const fingerprint = 256

// Write puts body under key if the object there is the one with etag, or, with an empty etag, if
// there is none. Otherwise it returns ErrLost. The first bytes of body must be unique to this
// write.
//
// When a try may have been done without an answer, Write reads the object back. If that fails as
// well, the error is a *Failure with Landed set. So is the error if a try got no answer and
// another writer's object is found, because that writer may have overwritten this write; such an
// error is ErrLost, too. An engine that answers with an error has not written: Ceph answers so
// to all but one of several concurrent writers.
func (b *Bucket) Write(ctx context.Context, key string, body []byte, etag string) error {
	ambiguous, unanswered := false, false
	var err error
	for n := 0; b.budget.allows(ctx, n); n++ {
		err = b.Put(ctx, key, body, etag)
		f, failed := errors.AsType[*Failure](err)
		ambiguous = ambiguous || failed && f.Landed
		unanswered = unanswered || failed && f.Landed && f.Code == ""
		if err == nil || !ambiguous && !retryable(err) {
			return err
		}
		done, readErr := b.landed(ctx, key, body, etag)
		switch {
		case done, errors.Is(readErr, ErrLost) && !unanswered:
			return readErr
		case errors.Is(readErr, ErrLost):
			return &Failure{request: "put", key: key, cause: readErr, Landed: true}
		}
		if errors.Is(err, ErrLost) {
			err = cmp.Or(readErr, errUnclear) // the first writer may be an earlier try of this write
		}
	}
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		f = &Failure{request: "put", key: key, cause: err, Again: true}
	}
	f.Landed = ambiguous
	return f
}

// landed reads the object of key back. It reports whether the object is body, and returns
// ErrLost if it is neither body nor the object with etag.
func (b *Bucket) landed(ctx context.Context, key string, body []byte, etag string) (bool, error) {
	want := body[:min(len(body), fingerprint)]
	got, gotETag, err := b.Get(ctx, key, fingerprint, nil)
	switch {
	case errors.Is(err, ErrAbsent):
		if etag == "" {
			return false, nil
		}
		return false, ErrLost
	case err != nil:
		return false, err
	case bytes.Equal(got, want):
		return true, nil
	case gotETag != etag:
		return false, ErrLost
	}
	return false, nil
}

// Put sends one conditional write.
func (b *Bucket) Put(ctx context.Context, key string, body []byte, etag string) error {
	header := http.Header{}
	switch {
	case etag == "":
		header["If-None-Match"] = []string{"*"}
	case b.Matching == MatchPlain:
		header["If-Match"] = []string{etag}
	case b.Matching == MatchQuoted:
		header["If-Match"] = []string{`"` + etag + `"`}
	default:
		// Without If-Match, a read just before the write must do.
		if _, now, err := b.Get(ctx, key, object.HeaderSize, nil); err != nil && !errors.Is(err, ErrAbsent) {
			return err
		} else if now != etag {
			return ErrLost
		}
	}
	return b.Send(ctx, key, body, header)
}

// Send puts body under key if the conditions in header hold.
func (b *Bucket) Send(ctx context.Context, key string, body []byte, header http.Header) error {
	err := b.request(ctx, "put", key, len(body), func(ctx context.Context) error {
		return b.wire.put(ctx, key, header, body)
	})
	if err == nil {
		b.lastWrite.Store(time.Now().UnixNano())
	}
	return err
}

// Replace puts body under key unconditionally.
func (b *Bucket) Replace(ctx context.Context, key string, body []byte) error {
	var err error
	for n := 0; b.budget.allows(ctx, n); n++ {
		if err = b.Send(ctx, key, body, http.Header{}); !retryable(err) {
			break
		}
	}
	return err
}

// Conditional reports whether the endpoint honours If-Match in any form.
func (b *Bucket) Conditional() bool { return b.Matching != MatchNone }

// Remove deletes the object of key, if there is one.
func (b *Bucket) Remove(ctx context.Context, key string) error {
	return b.request(ctx, "delete", key, 0, func(ctx context.Context) error {
		return b.core.RemoveObject(ctx, b.name, b.Prefix+key, minio.RemoveObjectOptions{})
	})
}

// List returns up to most keys that begin with prefix, in ascending order.
func (b *Bucket) List(ctx context.Context, prefix string, most int) (keys []string, err error) {
	err = b.request(ctx, "list", prefix, 0, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // stops the listing once there are enough keys
		opts := minio.ListObjectsOptions{Prefix: b.Prefix + prefix, Recursive: true, MaxKeys: most}
		for o := range b.core.Client.ListObjects(ctx, b.name, opts) {
			if o.Err != nil || len(keys) == most {
				return o.Err
			}
			keys = append(keys, strings.TrimPrefix(o.Key, b.Prefix))
		}
		return nil
	})
	return keys, err
}

// LastWritten returns the time of the last successful write.
func (b *Bucket) LastWritten() time.Time { return time.Unix(0, b.lastWrite.Load()) }
