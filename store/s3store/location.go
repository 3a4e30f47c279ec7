package s3store

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// scheme begins the text of a [Location].
const scheme = "s3://"

// Location is where a store is.
type Location struct {
	Endpoint string // host or host:port; AWS's of the region if empty
	Insecure bool   // HTTP without TLS
	Region   string // us-east-1 if empty
	Bucket   string
	Prefix   string // of all keys: empty, or ending in a slash
}

// ParseLocation reads s3://bucket/prefix?endpoint=URL&region=NAME, where prefix,
// endpoint and region may be left out. An endpoint without a scheme is HTTPS.
func ParseLocation(text string) (Location, error) {
	if !strings.HasPrefix(text, scheme) {
		return Location{}, fmt.Errorf("want %sbucket/prefix?endpoint=URL&region=NAME", scheme)
	}
	u, err := url.Parse(text)
	if err != nil {
		return Location{}, fmt.Errorf("no URL: %w", err)
	}
	l := Location{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if err := s3utils.CheckValidBucketNameStrict(l.Bucket); err != nil || u.User != nil || u.Fragment != "" {
		return Location{}, fmt.Errorf("%q is no bucket's name: want %sbucket/prefix", u.Host, scheme)
	}
	if l.Prefix != "" {
		l.Prefix += "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Location{}, fmt.Errorf("parameters: %w", err)
	}
	for name, values := range query {
		switch {
		case len(values) != 1 || values[0] == "":
			return Location{}, fmt.Errorf("parameter %q: want one value", name)
		case name == "region":
			l.Region = values[0]
		case name == "endpoint":
			if err := l.setEndpoint(values[0]); err != nil {
				return Location{}, err
			}
		default:
			return Location{}, fmt.Errorf("parameter %q is not known: want endpoint and region", name)
		}
	}
	return l, nil
}

func (l *Location) setEndpoint(text string) error {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		return fmt.Errorf("endpoint %q: want host, host:port, http://host:port or https://host:port", text)
	}
	l.Endpoint, l.Insecure = u.Host, u.Scheme == "http"
	return nil
}

// withDefaults returns l with its region and endpoint.
func (l Location) withDefaults() Location {
	if l.Region == "" {
		l.Region = "us-east-1"
	}
	if l.Endpoint == "" {
		l.Endpoint = "s3." + l.Region + ".amazonaws.com"
	}
	return l
}

// String names the store for people, without parameters.
func (l Location) String() string {
	return scheme + l.Bucket + "/" + l.Prefix + " at " + l.withDefaults().Endpoint
}
