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
	// ErrAbsent says that the bucket has no object with the key.
	ErrAbsent = errors.New("no such key")
	// ErrLost says that the object is not the one that the write expected: another writer was
	// first.
	ErrLost = errors.New("the object changed meanwhile")
	// errEmpty says that a range of an empty object was requested.
	errEmpty = errors.New("the object is empty")
	// errDiffers says that an object seemed damaged and differed when it was read again.
	errDiffers = errors.New("two reads of it differ")
	// errNoETag says that an answer has no ETag, so it may be a proxy's page.
	errNoETag = errors.New("the answer has no ETag, so it is not the object store's")
	// errUnclear says that a write was refused although the expected object is there.
	errUnclear = errors.New("the object store refused the write as if the object had changed, but it has not")
)

// Failure is the error of a request that failed for a reason other than the state of the object.
type Failure struct {
	request, key string
	cause        error
	Code         string // error code of the object store; empty if it did not answer
	// Landed says that the write may have been done.
	Landed bool
	// Again says that the same request may succeed later.
	Again bool
}

// Error names the request that failed, and the cause.
func (f *Failure) Error() string { return fmt.Sprintf("%s %s: %v", f.request, f.key, f.cause) }

// Unwrap returns the errors that the failure stands for.
func (f *Failure) Unwrap() []error { return []error{store.ErrUnavailable, f.cause} }

// Landed reports whether err is of a write that may have been done.
func Landed(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Landed
}

// fullCodes are the error codes of an engine that is full.
var fullCodes = []string{"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity"}

// explain turns the error of a request into ErrAbsent, ErrLost, an error that wraps
// [store.ErrFull], or a *Failure. It returns nil and a *NoRoom unchanged.
func explain(request, key string, err error) error {
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*AllocError](err); refused {
		return err
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		// Without an intelligible answer, the write may have been done.
		return &Failure{request: request, key: key, cause: err, Landed: true, Again: true}
	}
	switch {
	case answer.Code == minio.NoSuchKey && request == "put":
		return ErrLost // the object that If-Match names is gone
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

// retryable reports whether the same request may succeed later.
func retryable(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Again
}

// outcomeOf names the outcome of a request for [Options.Observe].
func outcomeOf(err error) string {
	_, refused := errors.AsType[*AllocError](err)
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
