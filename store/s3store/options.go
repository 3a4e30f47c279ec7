package s3store

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
)

// Location is where a store is.
type Location = bucket.Location

// ParseLocation reads s3://bucket/prefix?endpoint=URL&region=NAME, where prefix, endpoint and
// region may be left out. An endpoint without a scheme is HTTPS. The error repeats nothing that
// may be a secret.
func ParseLocation(text string) (Location, error) { return bucket.ParseLocation(text) }

// Options say which bucket and how to reach it. Location.Bucket is required.
type Options struct {
	Location
	// Credentials sign the requests, by Signature Version 4; anonymous ones leave
	// them unsigned. Nil means [UsualCredentials].
	Credentials *credentials.Credentials
	// Transport sends the requests. Nil means one made for many connections to
	// one host.
	Transport http.RoundTripper
	// Logger gets what an operator should know. Nil means slog.Default().
	Logger *slog.Logger
	// Clock tells the time of changes; it must be safe for concurrent use. Nil
	// means time.Now.
	Clock func() time.Time
	// Observe is told of each request: which kind it was (put, get, head of an
	// object, list, delete), how it ended (ok, absent, refused, full, failed) and
	// how long it took. It must be safe for concurrent use. Nil means nobody is.
	Observe func(request, outcome string, took time.Duration)
	// OnDamage is told the ids of each torrent that is newly found to be damaged.
	// Nil means nobody is.
	OnDamage func(infohash.Set)
	// Poll is how often the bucket is asked for changes that other nodes made. 0
	// means DefaultPoll.
	Poll time.Duration
	// RequestTimeout bounds one request, for an object of 1 MB or less; larger ones get
	// as much again for each MB. 0 means DefaultRequestTimeout.
	RequestTimeout time.Duration
	// PurgeAfter is how long the bytes of a removed torrent are kept for a
	// restoration. 0 means DefaultPurgeAfter.
	PurgeAfter time.Duration
}

// Defaults of [Options].
const (
	DefaultPoll           = 300 * time.Millisecond
	DefaultRequestTimeout = 4 * time.Second
	DefaultPurgeAfter     = 12 * time.Hour
)

// withDefaults returns o with every zero value replaced by what it means.
func (o Options) withDefaults() Options {
	if o.Credentials == nil {
		o.Credentials = UsualCredentials()
	}
	if o.Transport == nil {
		o.Transport = bucket.NewTransport()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	if o.OnDamage == nil {
		o.OnDamage = func(infohash.Set) {}
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	if o.PurgeAfter == 0 {
		o.PurgeAfter = DefaultPurgeAfter
	}
	return o
}

// forBucket returns what of o is about requests.
func (o Options) forBucket() bucket.Options {
	return bucket.Options{Location: o.Location, Credentials: o.Credentials, Transport: o.Transport, Timeout: o.RequestTimeout, Observe: o.Observe}
}

// UsualCredentials finds credentials where AWS tools do, the first that there
// are: the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN, the shared credentials file (AWS_SHARED_CREDENTIALS_FILE,
// AWS_PROFILE), the role of the machine, container or web identity.
func UsualCredentials() *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{},
	})
}
