package s3store

import (
	"errors"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
)

// An answer that does not tell its code is an error all the same.
func TestRefusalWithoutCode(t *testing.T) {
	s, i := openThrough(t, newEngine(t).options("", time.Now))
	for status, want := range map[int]string{403: minio.AccessDenied, 500: "Internal Server Error"} {
		i.answer(status, "<html>no")
		_, _, err := s.bucket.Get(t.Context(), "t/ABC", 0, nil)
		if f, ok := errors.AsType[*bucket.Failure](err); !ok || f.Code != want || f.Again != (status == 500) {
			t.Errorf("status %d: %+v", status, err)
		}
	}
	i.hook.Store(nil)
}
