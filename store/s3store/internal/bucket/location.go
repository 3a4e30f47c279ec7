package bucket

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// scheme begins the text of a [Location].
const scheme = "s3://"

// Location is the address of a store.
type Location struct {
	Endpoint string // AWS's endpoint of the region if empty
	Insecure bool   // HTTP without TLS
	Region   string // us-east-1 if empty
	Bucket   string
	Prefix   string // of all keys: empty, or ending in a slash
}

// ParseLocation reads s3://bucket/prefix?endpoint=URL&region=NAME. The prefix, endpoint and
// region are optional. An endpoint without a scheme uses HTTPS. Errors do not repeat parts of
// text that may be secret.
func ParseLocation(text string) (Location, error) {
	if !strings.HasPrefix(text, scheme) {
		return Location{}, fmt.Errorf("want %sbucket/prefix?endpoint=URL&region=NAME", scheme)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(text, "@"), err == nil && u.User != nil:
		return Location{}, errCredentials
	case err != nil:
		return Location{}, fmt.Errorf("not a URL: %w", errors.Unwrap(err))
	case u.Fragment != "":
		return Location{}, errors.New("want no # in the URL")
	}
	l := Location{Bucket: u.Host}
	if err := s3utils.CheckValidBucketNameStrict(l.Bucket); err != nil {
		return Location{}, fmt.Errorf("%q is not a bucket name: want 3 to 63 lower case letters, digits, dots and hyphens", u.Host)
	}
	if strings.HasSuffix(l.Bucket, "--x-s3") {
		return Location{}, fmt.Errorf("%q is a directory bucket (S3 Express), which lists its keys in no order: want a general purpose bucket", u.Host)
	}
	if l.Prefix, err = parsePrefix(u.Path); err != nil {
		return Location{}, err
	}
	return l, l.setParameters(u.RawQuery)
}

// errCredentials says where credentials belong. An address appears in process lists and in logs,
// so it must not contain any.
var errCredentials = errors.New("credentials do not belong here: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a credentials file")

// parsePrefix returns the prefix of all keys. It rejects dots and empty parts, because clients
// and proxies resolve them in an address, each in its own way.
func parsePrefix(path string) (string, error) {
	prefix := strings.Trim(path, "/")
	if prefix == "" {
		return "", nil
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("prefix %q: want names with single slashes between, and neither . nor .. among them", prefix)
		}
	}
	return prefix + "/", nil
}

func (l *Location) setParameters(text string) error {
	query, err := url.ParseQuery(text)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		switch {
		case name != "region" && name != "endpoint":
			return fmt.Errorf("parameter %q is not known: want endpoint and region (credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a credentials file)", name)
		case len(values) != 1 || values[0] == "":
			return fmt.Errorf("parameter %q: want one value", name)
		case name == "region":
			l.Region = values[0]
		default:
			if err := l.setEndpoint(values[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Location) setEndpoint(text string) error {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if strings.Contains(text, "@") {
		return errCredentials
	}
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("endpoint %q: want host, host:port, http://host:port or https://host:port", text)
	}
	l.Endpoint, l.Insecure = u.Host, u.Scheme == "http"
	return nil
}

// withDefaults returns l with defaults for an empty region and endpoint.
func (l Location) withDefaults() Location {
	l.Region = cmp.Or(l.Region, "us-east-1")
	l.Endpoint = cmp.Or(l.Endpoint, "s3."+l.Region+".amazonaws.com")
	return l
}

// String names the store in messages, without parameters.
func (l Location) String() string {
	return scheme + l.Bucket + "/" + l.Prefix + " at " + l.withDefaults().Endpoint
}
