package bucket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
)

// unfit says why a bucket cannot be used, for who set it up.
type unfit struct {
	kind error // of package store
	text string
}

func (u *unfit) Error() string { return u.text }
func (u *unfit) Unwrap() error { return u.kind }

// explainTest turns the error of the first test write into one that says what to
// change: it fails by what was set up wrong more often than by an outage.
func explainTest(err error) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return fmt.Errorf("a test write failed: %w", err)
	}
	cause := f.cause
	if u, ok := errors.AsType[*url.Error](cause); ok {
		cause = u.Err // without the address of the test object
	}
	text := fmt.Sprintf("a test write failed: %v", cause)
	if advice := adviceFor(f); advice != "" {
		text += ": " + advice
	}
	return &unfit{err, text}
}

// adviceFor returns what to change, if anything is known.
func adviceFor(f *Failure) string {
	switch f.Code {
	case "NoSuchBucket":
		return "make the bucket first, or name another one"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "XAdminUserNotFound":
		return "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the credentials file, and that they are this endpoint's"
	case "AccessDenied":
		return "the credentials that were found, if any, may not write there: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they are allowed"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException":
		return "give the bucket's region as region=NAME"
	case "NotImplemented", "501 Not Implemented": // with a body of XML, without one
		return "the endpoint refuses If-None-Match; use an object store that has conditional writes"
	case "RequestTimeTooSkewed":
		return "set this machine's clock"
	}
	_, plain := errors.AsType[tls.RecordHeaderError](f.cause)
	_, unverified := errors.AsType[*tls.CertificateVerificationError](f.cause)
	_, unreachable := errors.AsType[*net.OpError](f.cause)
	switch {
	case unverified:
		return "name the file of its authority in SSL_CERT_FILE"
	case plain:
		return "it has no TLS: give it as endpoint=http://HOST:PORT"
	case unreachable, errors.Is(f.cause, context.DeadlineExceeded):
		return "check endpoint=URL, and that the object store runs"
	}
	return ""
}
