package bucket

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	miniosigner "github.com/minio/minio-go/v7/pkg/signer"
)

// roundTrip is a transport.
type roundTrip func(req *http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// sent returns the request that run sends by its transport.
func sent(t *testing.T, run func(transport http.RoundTripper) error) *http.Request {
	t.Helper()
	var req *http.Request
	seen := errors.New("seen")
	err := run(roundTrip(func(r *http.Request) (*http.Response, error) {
		req = r
		return nil, seen
	}))
	if !errors.Is(err, seen) {
		t.Fatal(err)
	}
	return req
}

// sentByWire returns the request for an object.
func sentByWire(t *testing.T, o Options, header http.Header) *http.Request {
	t.Helper()
	return sent(t, func(transport http.RoundTripper) error {
		o.Transport = transport
		w, err := newWire(o, o.Location.withDefaults())
		if err == nil {
			_, err = w.get(t.Context(), "t/ABC", header)
		}
		return err
	})
}

// Requests go where minio-go sends its own.
func TestAddressIsAsMinioGo(t *testing.T) {
	for _, text := range []string{
		"s3://torrents",
		"s3://torrents/some/prefix?region=eu-west-1",
		"s3://with.dots/p",
		"s3://torrents/a b+c(d)é~!%25?endpoint=http://127.0.0.1:9000",
		"s3://torrents?endpoint=https://rgw.example.org:443",
		"s3://torrents?endpoint=http://[::1]:80&region=mars",
	} {
		location, err := ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Location: location, Credentials: credentials.NewStaticV4("id", "secret", "")}
		l := location.withDefaults()
		want := sent(t, func(transport http.RoundTripper) error {
			core, err := minio.NewCore(l.Endpoint, &minio.Options{Creds: o.Credentials, Secure: !l.Insecure, Region: l.Region, Transport: transport, MaxRetries: 1})
			if err == nil {
				_, _, _, err = core.GetObject(t.Context(), l.Bucket, l.Prefix+"t/ABC", minio.GetObjectOptions{})
			}
			return err
		})
		if got := sentByWire(t, o, http.Header{}); got.URL.String() != want.URL.String() {
			t.Errorf("%s: sent to %s, by minio-go to %s", text, got.URL, want.URL)
		}
	}
}

// Requests have the signature that minio-go would give them in the same second.
func TestSignatureIsAsMinioGo(t *testing.T) {
	l := Location{Bucket: "torrents", Prefix: "a b(c)é/", Region: "mars", Endpoint: "127.0.0.1:9000"}
	for _, token := range []string{"", "a/session+token="} {
		o := Options{Location: l, Credentials: credentials.NewStaticV4("id", "secret", token)}
		for _, header := range []http.Header{{}, {"Range": {"bytes=0-167"}}, {"If-Match": {`"e"`}}, {"If-None-Match": {"*"}}} {
			req := sentByWire(t, o, header.Clone())
			unsigned := &http.Request{Method: req.Method, URL: req.URL, Header: header.Clone()}
			unsigned.Header.Set("X-Amz-Content-Sha256", noContent)
			want := miniosigner.SignV4(*unsigned, "id", "secret", token, l.Region)
			moment, err := time.Parse(signTime, want.Header.Get("X-Amz-Date"))
			if err != nil {
				t.Fatal(err)
			}
			w, err := newWire(o, l)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.signer.sign(t.Context(), req, noContent, moment); err != nil {
				t.Fatal(err)
			}
			if got, want := req.Header.Get("Authorization"), want.Header.Get("Authorization"); got != want {
				t.Errorf("%v: signed %s, by minio-go %s", header, got, want)
			}
		}
	}
}

// A bucket that is open to all is used without a signature.
func TestNoCredentials(t *testing.T) {
	o := Options{
		Location:    Location{Bucket: "torrents", Endpoint: "127.0.0.1:9000"},
		Credentials: credentials.NewStatic("", "", "", credentials.SignatureAnonymous),
	}
	if req := sentByWire(t, o, http.Header{}); req.Header["Authorization"] != nil {
		t.Errorf("signed: %v", req.Header)
	}
}
