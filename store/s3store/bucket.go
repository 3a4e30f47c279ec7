package s3store

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

	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// matching is how the endpoint takes If-Match.
type matching int

const (
	matchQuoted matching = iota // as RFC 9110 has it
	matchPlain                  // without the quotes
	matchNone                   // not at all
)

// bucket sends requests for the objects below the prefix. Keys are without it.
// It is safe for concurrent use; matching is set before anything else runs.
type bucket struct {
	core     *minio.Core
	wire     *wire
	name     string
	prefix   string
	timeout  time.Duration // of one request for 1 MB
	observe  func(request, outcome string, took time.Duration)
	budget   budget
	matching matching

	lastWrite atomic.Int64 // when a write last succeeded, Unix nanoseconds
}

func newBucket(o Options) (*bucket, error) {
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
	return &bucket{core: core, wire: wire, name: l.Bucket, prefix: l.Prefix, timeout: o.RequestTimeout, observe: o.Observe}, nil
}

// request runs one request for size bytes with a deadline of its own.
func (b *bucket) request(ctx context.Context, name, key string, size int, run func(ctx context.Context) error) error {
	limit := b.timeout * time.Duration(1+size/1_000_000)
	own, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin := time.Now()
	err := explain(name, key, run(own))
	_, refused := errors.AsType[*noRoom](err)
	if err != nil && ctx.Err() != nil && !refused {
		// The caller's end, not the engine's fault.
		err = &failure{request: name, key: key, cause: ctx.Err(), landed: true}
	} else {
		b.budget.note(retryable(err))
	}
	b.observe(name, outcomeOf(err), time.Since(begin))
	return err
}

// fingerprint is how many bytes of an object tell which write it is of.
const fingerprint = 256

// write puts body under key if the object there is the one with etag, or if
// there is none and etag is empty; else it returns errLost. It is not ambiguous:
// when a try may have been done without an answer it reads back, and if that
// fails as well the error is a failure with landed. The first bytes of body must
// be of this write alone.
func (b *bucket) write(ctx context.Context, key string, body []byte, etag string) error {
	ambiguous := false
	var err error
	for n := 0; b.budget.allows(ctx, n); n++ {
		err = b.put(ctx, key, body, etag)
		f, failed := errors.AsType[*failure](err)
		ambiguous = ambiguous || failed && f.landed
		if err == nil || !ambiguous && !retryable(err) {
			return err
		}
		done, readErr := b.landed(ctx, key, body, etag)
		if done || errors.Is(readErr, errLost) {
			return readErr
		}
		if errors.Is(err, errLost) {
			err = cmp.Or(readErr, errUnclear) // who was first may be a try of this write
		}
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{request: "put", key: key, cause: err, again: true}
	}
	f.landed = ambiguous
	return f
}

// landed reads back what is under key: it reports whether it is body, and
// returns errLost if it is neither body nor the object with etag.
func (b *bucket) landed(ctx context.Context, key string, body []byte, etag string) (bool, error) {
	want := body[:min(len(body), fingerprint)]
	got, gotETag, err := b.get(ctx, key, fingerprint, nil)
	switch {
	case errors.Is(err, errAbsent):
		if etag == "" {
			return false, nil
		}
		return false, errLost
	case err != nil:
		return false, err
	case bytes.Equal(got, want):
		return true, nil
	case gotETag != etag:
		return false, errLost
	}
	return false, nil
}

// put sends one conditional write.
func (b *bucket) put(ctx context.Context, key string, body []byte, etag string) error {
	header := http.Header{}
	switch {
	case etag == "":
		header["If-None-Match"] = []string{"*"}
	case b.matching == matchPlain:
		header["If-Match"] = []string{etag}
	case b.matching == matchQuoted:
		header["If-Match"] = []string{`"` + etag + `"`}
	default:
		// The least that can be done: look once more.
		if _, now, err := b.get(ctx, key, object.HeaderSize, nil); err != nil && !errors.Is(err, errAbsent) {
			return err
		} else if now != etag {
			return errLost
		}
	}
	return b.send(ctx, key, body, header)
}

// send puts body under key, if what header says is so.
func (b *bucket) send(ctx context.Context, key string, body []byte, header http.Header) error {
	err := b.request(ctx, "put", key, len(body), func(ctx context.Context) error {
		return b.wire.put(ctx, key, header, body)
	})
	if err == nil {
		b.lastWrite.Store(time.Now().UnixNano())
	}
	return err
}

// remove deletes the object of key, if there is one.
func (b *bucket) remove(ctx context.Context, key string) error {
	return b.request(ctx, "delete", key, 0, func(ctx context.Context) error {
		return b.core.RemoveObject(ctx, b.name, b.prefix+key, minio.RemoveObjectOptions{})
	})
}

// list returns up to most keys that begin with prefix, the lowest first.
func (b *bucket) list(ctx context.Context, prefix string, most int) (keys []string, err error) {
	err = b.request(ctx, "list", prefix, 0, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the listing after what is wanted
		opts := minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true, MaxKeys: most}
		for o := range b.core.Client.ListObjects(ctx, b.name, opts) {
			if o.Err != nil || len(keys) == most {
				return o.Err
			}
			keys = append(keys, strings.TrimPrefix(o.Key, b.prefix))
		}
		return nil
	})
	return keys, err
}

// lastWritten returns when a write last succeeded.
func (b *bucket) lastWritten() time.Time { return time.Unix(0, b.lastWrite.Load()) }
