package s3store

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// answering is a transport by which the object store answers every request so.
type answering struct {
	status int
	code   string
}

// RoundTrip implements [http.RoundTripper].
func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(a.status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", a.code)
	_, _ = io.Copy(io.Discard, req.Body)
	return w.Result(), nil
}

// The error about a wrong setup says what to change.
func TestAdvice(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	plain := newEngine(t).url
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, c := range []struct {
		transport http.RoundTripper
		endpoint  string
		insecure  bool
		want      string
	}{
		{answering{404, "NoSuchBucket"}, plain, true, "make the bucket"},
		{answering{403, "InvalidAccessKeyId"}, plain, true, "check AWS_ACCESS_KEY_ID"},
		{answering{403, "SignatureDoesNotMatch"}, plain, true, "check AWS_ACCESS_KEY_ID"},
		{answering{404, "XAdminUserNotFound"}, plain, true, "check AWS_ACCESS_KEY_ID"}, // versitygw, of an unknown key
		{answering{403, "AccessDenied"}, plain, true, "may not write there"},
		{answering{400, "AuthorizationHeaderMalformed"}, plain, true, "region=NAME"},
		{answering{501, "NotImplemented"}, plain, true, "conditional writes"},
		{answering{403, "RequestTimeTooSkewed"}, plain, true, "clock"},
		{answering{400, "SomethingElse"}, plain, true, "no (SomethingElse, status 400)"},
		{nil, plain, false, "endpoint=http://HOST:PORT"},
		{nil, secure.URL, false, "SSL_CERT_FILE"},
		{nil, closed.URL, true, "check endpoint=URL"},
	} {
		o := newEngine(t).options("", time.Now)
		o.Transport, o.Insecure = c.transport, c.insecure
		_, o.Endpoint, _ = strings.Cut(c.endpoint, "://")
		_, err := Open(t.Context(), o)
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "probe/") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
