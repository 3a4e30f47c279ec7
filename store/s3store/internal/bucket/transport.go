package bucket

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// NewTransport returns a transport for many requests at a time to one host.
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

// maxErrorBody is how much of an error's body is read, in bytes.
const maxErrorBody = 64 << 10

// mender stands before the transport. Who sees a 404 takes it for a missing key,
// also if it is that of a proxy whose backend is gone. Here one without the code
// NoSuchKey or NoSuchBucket becomes a 502.
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
