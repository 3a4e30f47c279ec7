package stores

import (
	"cmp"
	"os"

	"github.com/torrentcache/torrentcache/store/s3store"
)

// BucketLocation reads where a bucket is; the region may be in the usual variables.
func BucketLocation(text string) (s3store.Location, error) {
	location, err := s3store.ParseLocation(text)
	location.Region = cmp.Or(location.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	return location, err
}
