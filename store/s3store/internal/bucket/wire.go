package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// wire sends the two requests of which every upload and every download has one:
// the write and the read of an object. All others, which are rare, are minio-go's.
// It would send these as well, but takes three times the CPU to make them, and
// hands the body to net/http such that it goes out in three parts.
// It is safe for concurrent use.
type wire struct {
	transport http.RoundTripper
	base      *url.URL // of the prefix
	signer    *signer
}

func newWire(o Options, l Location) (*wire, error) {
	base, err := address(l)
	if err != nil {
		return nil, err
	}
	return &wire{
		transport: mender{o.Transport},
		base:      base,
		signer: &signer{
			credentials: o.Credentials,
			retrieval:   credentials.CredContext{Client: &http.Client{Transport: o.Transport}, Endpoint: base.Scheme + "://" + l.Endpoint},
			region:      l.Region,
		},
	}, nil
}

// address returns the URL to which the keys are appended. minio-go knows at which
// host AWS has a bucket, and tells it with an address that it signs in advance.
func address(l Location) (*url.URL, error) {
	client, err := minio.New(l.Endpoint, &minio.Options{Creds: credentials.NewStaticV4("none", "none", ""), Secure: !l.Insecure, Region: l.Region})
	if err != nil {
		return nil, err
	}
	const key = "x"
	u, err := client.PresignedGetObject(context.Background(), l.Bucket, l.Prefix+key, time.Hour, nil)
	if err != nil {
		return nil, err
	}
	return &url.URL{
		Scheme: u.Scheme, Host: u.Host,
		Path:    strings.TrimSuffix(u.Path, key),
		RawPath: strings.TrimSuffix(u.RawPath, key),
	}, nil
}

// noContent is the SHA-256 of nothing, in hex.
const noContent = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// get asks for the object of key; header may have a Range. The caller closes the
// body of the answer.
func (w *wire) get(ctx context.Context, key string, header http.Header) (*http.Response, error) {
	return w.do(ctx, w.request(http.MethodGet, key, header), noContent)
}

// put writes body under key; header may have a condition. The signature covers
// the body's SHA-256, so that the engine refuses what was damaged on the way. An
// answer without an ETag does not say that the engine has it.
func (w *wire) put(ctx context.Context, key string, header http.Header, body []byte) error {
	req := w.request(http.MethodPut, key, header)
	if len(body) > 0 {
		// In this form net/http knows that the body is in memory, sends it along with the
		// header, and again if the connection turns out to be closed before anything was sent.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
		req.ContentLength = int64(len(body))
	}
	digest := sha256.Sum256(body)
	resp, err := w.do(ctx, req, hex.EncodeToString(digest[:]))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // or the connection is lost
	if etagOf(resp) == "" {
		return errNoETag
	}
	return nil
}

// request returns one for the object of key, which has but letters, digits and /.
func (w *wire) request(method, key string, header http.Header) *http.Request {
	u := *w.base
	u.Path += key
	if u.RawPath != "" {
		u.RawPath += key
	}
	header["User-Agent"] = []string{"torrentcache"}
	return &http.Request{Method: method, URL: &u, Header: header}
}

// do sends req. An answer that is none of success is an error: a
// [minio.ErrorResponse], as minio-go makes them.
func (w *wire) do(ctx context.Context, req *http.Request, digest string) (*http.Response, error) {
	if err := w.signer.sign(ctx, req, digest, time.Now()); err != nil {
		return nil, err
	}
	resp, err := w.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// refusal returns the error that an answer tells.
func refusal(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return err
	}
	var answer minio.ErrorResponse
	if xml.Unmarshal(body, &answer) != nil { // a proxy's, or none at all
		answer = minio.ErrorResponse{Code: resp.Status, Message: resp.Status}
		if resp.StatusCode == http.StatusForbidden {
			answer.Code = minio.AccessDenied
		}
	}
	answer.StatusCode = resp.StatusCode
	return answer
}
