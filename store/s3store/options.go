package s3store

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
)

// Location is where a store is.
type Location = bucket.Location

// ParseLocation reads s3://bucket/prefix?endpoint=URL&region=NAME. The prefix, endpoint and
// region are optional. An endpoint without a scheme uses HTTPS. Errors do not repeat parts of
// text that may be secret.
func ParseLocation(text string) (Location, error) { return bucket.ParseLocation(text) }

// Options select a bucket and the way to reach it. Location.Bucket is required.
type Options struct {
	Location
	// Credentials sign the requests with Signature Version 4; anonymous credentials leave them
	// unsigned. Nil means [UsualCredentials].
	Credentials *credentials.Credentials
	// Transport sends the requests. Nil means a transport with many connections to one host.
	Transport http.RoundTripper
	// Logger receives messages for the operator. Nil means slog.Default().
	Logger *slog.Logger
	// Clock tells the time of changes; it must be safe for concurrent use. Nil
	// means time.Now.
	Clock func() time.Time
	// Observe is called after each request with its kind (put, get, head of an object, list,
	// delete), its outcome (ok, absent, refused, full, canceled, failed) and its duration. It
	// must be safe for concurrent use. Nil means that nothing is called.
	Observe func(request, outcome string, took time.Duration)
	// OnDamage is called with the ids of each torrent that is newly found damaged. Nil means
	// that nothing is called.
	OnDamage func(infohash.Set)
	// Poll is the interval between reads of the feed for the changes of other nodes. 0 means
	// DefaultPoll.
	Poll time.Duration
	// RequestTimeout bounds one request for an object of up to 1 MB. A larger object gets the
	// same time again for each further MB. A call of the store ends after three times
	// RequestTimeout. 0 means DefaultRequestTimeout.
	RequestTimeout time.Duration
}

// Defaults of [Options].
const (
	DefaultPoll           = 300 * time.Millisecond
	DefaultRequestTimeout = 4 * time.Second
)

// withDefaults returns o with every zero value replaced by its default.
func (o Options) withDefaults() Options {
	if o.Credentials == nil {
		o.Credentials = UsualCredentials()
	}
	if o.Transport == nil {
		o.Transport = bucket.NewTransport()
	}
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	if o.OnDamage == nil {
		o.OnDamage = func(infohash.Set) {}
	}
	o.Poll = cmp.Or(o.Poll, DefaultPoll)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, DefaultRequestTimeout)
	return o
}

// forBucket returns the options of o that concern requests.
func (o Options) forBucket() bucket.Options {
	return bucket.Options{Location: o.Location, Credentials: o.Credentials, Transport: o.Transport, Timeout: o.RequestTimeout, Observe: o.Observe}
}

// UsualCredentials finds credentials as AWS tools do. The first source that has any wins: the
// variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; the shared
// credentials file (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE); the role of the machine,
// container or web identity.
func UsualCredentials() *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{},
	})
}
