package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// wire sends the two requests of the serving path: the write and the read of an object. minio-go
// sends all others, which are rare. It takes three times the CPU for these two, and makes
// net/http send the body in three parts. A wire is safe for concurrent use.
type wire struct {
	transport http.RoundTripper
	base      *url.URL // URL of the prefix
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

// address returns the URL to which keys are appended. Only minio-go knows the host of a bucket
// at AWS, and it reveals that host in a presigned URL.
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

// noContent is the SHA-256 of an empty body, in hex.
const noContent = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// get requests the object of key; header may have a Range. The caller closes the body of the
// answer.
func (w *wire) get(ctx context.Context, key string, header http.Header) (*http.Response, error) {
	return w.do(ctx, w.request(http.MethodGet, key, header), noContent)
}

// put writes body under key; header may have a condition. The signature covers the body's
// SHA-256, so the engine refuses a body damaged in transit. An answer without an ETag does not
// prove that the engine has the object.
func (w *wire) put(ctx context.Context, key string, header http.Header, body []byte) error {
	req := w.request(http.MethodPut, key, header)
	if len(body) > 0 {
		// With GetBody, net/http knows that the body is in memory. It sends header and body
		// together, and again if the connection turns out to be closed before anything was sent.
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
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // so that the connection can be reused
	if etagOf(resp) == "" {
		return errNoETag
	}
	return nil
}

// request returns a request for the object of key. The key must have only letters, digits and
// slashes.
func (w *wire) request(method, key string, header http.Header) *http.Request {
	u := *w.base
	u.Path += key
	if u.RawPath != "" {
		u.RawPath += key
	}
	header["User-Agent"] = []string{"torrentcache"}
	return &http.Request{Method: method, URL: &u, Header: header}
}

// do sends req. An answer other than success becomes a [minio.ErrorResponse], like an error of
// minio-go.
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

// refusal returns the error in an answer.
func refusal(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return err
	}
	var answer minio.ErrorResponse
	if xml.Unmarshal(body, &answer) != nil { // the answer is a proxy's, or has no body
		answer = minio.ErrorResponse{Code: resp.Status, Message: resp.Status}
		if resp.StatusCode == http.StatusForbidden {
			answer.Code = minio.AccessDenied
		}
	}
	answer.StatusCode = resp.StatusCode
	return answer
}

// NewTransport returns a transport for many concurrent requests to one host.
func NewTransport() *http.Transport {
	const connections = 256
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConns:          connections,
		MaxIdleConnsPerHost:   connections,
		MaxConnsPerHost:       connections,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   3 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
}

// maxErrorBody is how much of an error answer is read, in bytes.
const maxErrorBody = 64 << 10

// mender wraps the transport. A 404 would count as a missing key even if it comes from a proxy
// whose backend is gone. So mender turns a 404 without the code NoSuchKey or NoSuchBucket into a
// 502.
type mender struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (m mender) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := m.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusNotFound {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte("<Code>NoSuchKey</Code>")) && !bytes.Contains(body, []byte("<Code>NoSuchBucket</Code>")) {
		resp.StatusCode, resp.Status = http.StatusBadGateway, "404 without the store's error code"
	}
	return resp, nil
}
