package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"

	"github.com/torrentcache/torrentcache/store"
)

var (
	// ErrAbsent says that the bucket has no object of the key.
	ErrAbsent = errors.New("no such key")
	// ErrLost says that the object of the key is not the one that the write
	// expected: another writer was first.
	ErrLost = errors.New("the object changed meanwhile")
	// errEmpty says that a range was asked for of an object without any bytes.
	errEmpty = errors.New("the object is empty")
	// errDiffers says that an object that seems damaged was another one when it was
	// read again.
	errDiffers = errors.New("two reads of it differ")
	// errNoETag says that an answer is not that of an object store, but perhaps a page
	// of a proxy.
	errNoETag = errors.New("the answer has no ETag, so it is not the object store's")
	// errUnclear says that a write was refused although what it expected is there.
	errUnclear = errors.New("refused as changed, but unchanged")
)

// Failure is a request that failed for another reason than what the object is.
type Failure struct {
	request, key string
	cause        error
	Code         string // the object store's; empty if it did not answer
	// Landed says that the write may have been done.
	Landed bool
	// Again says that the same request may succeed later.
	Again bool
}

// Error says which request failed, and why.
func (f *Failure) Error() string { return fmt.Sprintf("%s %s: %v", f.request, f.key, f.cause) }

// Unwrap returns the errors that the failure stands for.
func (f *Failure) Unwrap() []error { return []error{store.ErrUnavailable, f.cause} }

// Landed reports whether err is that of a write that may have been done.
func Landed(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Landed
}

// fullCodes are the error codes of an engine that has no room.
var fullCodes = []string{"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity"}

// explain turns the error of a request into ErrAbsent, ErrLost, one that wraps
// [store.ErrFull], or a *Failure. Nil and a *NoRoom stay what they are.
func explain(request, key string, err error) error {
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*NoRoom](err); refused {
		return err
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		// No answer, or none that was understood: it may have arrived.
		return &Failure{request: request, key: key, cause: err, Landed: true, Again: true}
	}
	switch {
	case answer.Code == minio.NoSuchKey && request == "put":
		return ErrLost // what If-Match names is gone
	case answer.Code == minio.NoSuchKey:
		return ErrAbsent
	case answer.StatusCode == http.StatusPreconditionFailed:
		return ErrLost
	case answer.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errEmpty
	case answer.StatusCode == http.StatusInsufficientStorage, slices.Contains(fullCodes, answer.Code):
		return fmt.Errorf("%w: %s %s: %s", store.ErrFull, request, key, answer.Message)
	}
	passing := answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests ||
		answer.StatusCode == http.StatusRequestTimeout || answer.StatusCode == http.StatusConflict
	cause := fmt.Errorf("%s (%s, status %d)", answer.Message, answer.Code, answer.StatusCode)
	return &Failure{request: request, key: key, cause: cause, Code: answer.Code, Landed: answer.StatusCode >= 500, Again: passing}
}

// retryable reports whether err is a failure that may pass.
func retryable(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Again
}

// outcomeOf names how a request ended, for [Options.Observe].
func outcomeOf(err error) string {
	_, refused := errors.AsType[*NoRoom](err)
	switch {
	case err == nil:
		return "ok"
	case refused:
		return "canceled"
	case errors.Is(err, ErrAbsent):
		return "absent"
	case errors.Is(err, ErrLost):
		return "refused"
	case errors.Is(err, store.ErrFull):
		return "full"
	case errors.Is(err, context.Canceled):
		return "canceled"
	default:
		return "failed"
	}
}
