package bucket

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// signer signs requests with AWS Signature Version 4. It is safe for concurrent use.
type signer struct {
	credentials *credentials.Credentials
	retrieval   credentials.CredContext // how to fetch the credentials
	region      string
	key         atomic.Pointer[signingKey]
}

// signingKey is the key that signs the requests of one day.
type signingKey struct {
	secret, day string
	key         []byte
}

const (
	signAlgorithm = "AWS4-HMAC-SHA256"
	signTime      = "20060102T150405Z"
	signDay       = len("20060102")
)

// signedHeaders are the headers that are signed if a request has them, besides Host, in the
// order of the signature. They are all that affect the meaning of our requests.
var signedHeaders = []struct{ name, lower string }{
	{"If-Match", "if-match"},
	{"If-None-Match", "if-none-match"},
	{"Range", "range"},
	{"X-Amz-Content-Sha256", "x-amz-content-sha256"},
	{"X-Amz-Date", "x-amz-date"},
	{"X-Amz-Security-Token", "x-amz-security-token"},
}

// sign signs req at the time now. The request has no query, and digest is the SHA-256 of its
// body in hex. Without credentials it stays unsigned, for public buckets.
func (s *signer) sign(ctx context.Context, req *http.Request, digest string, now time.Time) error {
	retrieval := s.retrieval
	retrieval.Context = ctx
	v, err := s.credentials.GetWithContext(&retrieval)
	if err != nil || v.SignerType.IsAnonymous() || v.AccessKeyID == "" || v.SecretAccessKey == "" {
		return err
	}
	moment := now.UTC().Format(signTime)
	day := moment[:signDay]
	req.Header["X-Amz-Content-Sha256"] = []string{digest}
	req.Header["X-Amz-Date"] = []string{moment}
	if v.SessionToken != "" {
		req.Header["X-Amz-Security-Token"] = []string{v.SessionToken}
	}
	scope := day + "/" + s.region + "/s3/aws4_request"
	canonical, names := canonicalRequest(req, digest)
	sum := sha256.Sum256(canonical)
	text := signAlgorithm + "\n" + moment + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	signature := hex.EncodeToString(mac(s.keyOf(v.SecretAccessKey, day), text))
	req.Header["Authorization"] = []string{signAlgorithm + " Credential=" + v.AccessKeyID + "/" + scope +
		", SignedHeaders=" + names + ", Signature=" + signature}
	return nil
}

// canonicalRequest returns the canonical form of req, which the signature covers, and the names
// of its signed headers.
func canonicalRequest(req *http.Request, digest string) (canonical []byte, names string) {
	b := make([]byte, 0, 1<<10)
	b = append(append(b, req.Method...), '\n')
	b = append(append(b, req.URL.EscapedPath()...), "\n\nhost:"...)
	b = append(append(b, req.URL.Host...), '\n')
	names = "host"
	for _, h := range signedHeaders {
		if value := req.Header[h.name]; value != nil {
			b = append(append(append(append(b, h.lower...), ':'), value[0]...), '\n')
			names += ";" + h.lower
		}
	}
	b = append(append(append(b, '\n'), names...), '\n')
	return append(b, digest...), names
}

// keyOf returns the signing key of a day, derived from the secret by four HMACs.
func (s *signer) keyOf(secret, day string) []byte {
	if k := s.key.Load(); k != nil && k.secret == secret && k.day == day {
		return k.key
	}
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, s.region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	s.key.Store(&signingKey{secret: secret, day: day, key: key})
	return key
}

// mac returns the HMAC-SHA-256 of text.
func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
