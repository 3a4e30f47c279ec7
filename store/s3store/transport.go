package s3store

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// newTransport returns a transport for many requests at a time to one host.
func newTransport() *http.Transport {
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

// maxErrorBody is how much of an error's body is read, in bytes.
const maxErrorBody = 64 << 10

// mender stands between minio-go and the transport and mends two things.
//
// Ceph's gateway (seen with 16.2) compares If-Match with the ETag as text, so
// that it may have no quotes, which minio-go always writes. The header is added
// here, after the signing: Signature Version 4 asks for the signing of Host and
// of X-Amz- headers only.
//
// minio-go takes every 404 for a missing key, also that of a proxy whose backend
// is gone. Here one without the code NoSuchKey or NoSuchBucket becomes a 502.
type mender struct{ next http.RoundTripper }

// plainMatch is the key of the context value that holds an If-Match without quotes.
type plainMatch struct{}

// withPlainMatch makes the requests of ctx carry If-Match: etag, as it is.
func withPlainMatch(ctx context.Context, etag string) context.Context {
	return context.WithValue(ctx, plainMatch{}, etag)
}

// RoundTrip implements [http.RoundTripper].
func (m mender) RoundTrip(req *http.Request) (*http.Response, error) {
	if etag, ok := req.Context().Value(plainMatch{}).(string); ok {
		req = req.Clone(req.Context())
		req.Header.Set("If-Match", etag)
	}
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
