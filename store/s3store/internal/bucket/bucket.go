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

// Matching is how the endpoint takes If-Match.
type Matching int

const (
	MatchQuoted Matching = iota // as RFC 9110 has it
	MatchPlain                  // without the quotes
	MatchNone                   // not at all
)

// Bucket sends requests for the objects below the prefix. Keys are without it.
// It is safe for concurrent use; matching is set before anything else runs.
type Bucket struct {
	core     *minio.Core
	wire     *wire
	name     string
	Prefix   string
	timeout  time.Duration // of one request for 1 MB
	observe  func(request, outcome string, took time.Duration)
	budget   budget
	Matching Matching

	lastWrite atomic.Int64 // when a write last succeeded, Unix nanoseconds
}

// Options say which bucket and how to reach it; all are required.
type Options struct {
	Location
	Credentials *credentials.Credentials
	Transport   http.RoundTripper
	Timeout     time.Duration // of one request for 1 MB or less
	// Observe is told of each request: which kind it was, how it ended, how long it took.
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

// request runs one request for size bytes with a deadline of its own.
func (b *Bucket) request(ctx context.Context, name, key string, size int, run func(ctx context.Context) error) error {
	limit := b.timeout * time.Duration(1+size/1_000_000)
	own, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	err := explain(name, key, run(own))
	_, refused := errors.AsType[*NoRoom](err)
	if err != nil && ctx.Err() != nil && !refused {
		// The caller's end, not the engine's fault.
		err = &Failure{request: name, key: key, cause: ctx.Err(), Landed: true}
	} else {
		b.budget.note(retryable(err))
	}
	b.observe(name, outcomeOf(err), time.Since(begin))
	return err
}

// fingerprint is how many bytes of an object tell which write it is of.
const fingerprint = 256

// Write puts body under key if the object there is the one with etag, or if
// there is none and etag is empty; else it returns ErrLost. When a try may have been
// done without an answer it reads back. If that fails as well the error is a failure that
// [Landed] knows; so it is if nobody answered a try and another writer's object is found,
// which may have come after this one, and such an error is ErrLost, too. An engine that
// answers with a failure has not written: Ceph does so to all but one of those who race. The
// first bytes of body must be of this write alone.
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
			err = cmp.Or(readErr, errUnclear) // who was first may be a try of this write
		}
	}
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		f = &Failure{request: "put", key: key, cause: err, Again: true}
	}
	f.Landed = ambiguous
	return f
}

// landed reads back what is under key: it reports whether it is body, and
// returns ErrLost if it is neither body nor the object with etag.
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
		// The least that can be done: look once more.
		if _, now, err := b.Get(ctx, key, object.HeaderSize, nil); err != nil && !errors.Is(err, ErrAbsent) {
			return err
		} else if now != etag {
			return ErrLost
		}
	}
	return b.Send(ctx, key, body, header)
}

// Send puts body under key, if what header says is so.
func (b *Bucket) Send(ctx context.Context, key string, body []byte, header http.Header) error {
	err := b.request(ctx, "put", key, len(body), func(ctx context.Context) error {
		return b.wire.put(ctx, key, header, body)
	})
	if err == nil {
		b.lastWrite.Store(time.Now().UnixNano())
	}
	return err
}

// Replace puts body under key, whatever is there.
func (b *Bucket) Replace(ctx context.Context, key string, body []byte) error {
	var err error
	for n := 0; b.budget.allows(ctx, n); n++ {
		if err = b.Send(ctx, key, body, http.Header{}); !retryable(err) {
			break
		}
	}
	return err
}

// Conditional reports whether the endpoint takes If-Match, in whatever form.
func (b *Bucket) Conditional() bool { return b.Matching != MatchNone }

// Remove deletes the object of key, if there is one.
func (b *Bucket) Remove(ctx context.Context, key string) error {
	return b.request(ctx, "delete", key, 0, func(ctx context.Context) error {
		return b.core.RemoveObject(ctx, b.name, b.Prefix+key, minio.RemoveObjectOptions{})
	})
}

// List returns up to most keys that begin with prefix, the lowest first.
func (b *Bucket) List(ctx context.Context, prefix string, most int) (keys []string, err error) {
	err = b.request(ctx, "list", prefix, 0, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the listing after what is wanted
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

// LastWritten returns when a write last succeeded.
func (b *Bucket) LastWritten() time.Time { return time.Unix(0, b.lastWrite.Load()) }
