package servertest

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// WantReason checks that err has the code that the table gives for r, and an ErrorInfo with r.
func WantReason(t *testing.T, err error, r reason.Reason) {
	t.Helper()
	checkStatus(t, err, r, func(a reason.Answer) uint32 { return uint32(a.Code) })
}

// WantReadReason is WantReason for calls that only read.
func WantReadReason(t *testing.T, err error, r reason.Reason) {
	t.Helper()
	checkStatus(t, err, r, func(a reason.Answer) uint32 { return uint32(a.ReadCode) })
}

func checkStatus(t *testing.T, err error, r reason.Reason, code func(reason.Answer) uint32) {
	t.Helper()
	s, ok := status.FromError(err)
	if !ok || err == nil {
		t.Fatalf("got %v, want a status of %s", err, r)
	}
	if want := code(r.Answer()); uint32(s.Code()) != want {
		t.Errorf("got code %s (%s), want %d", s.Code(), s.Message(), want)
	}
	if s.Message() == "" {
		t.Error("no message")
	}
	if len(s.Details()) == 0 {
		t.Fatalf("got no details of %v, want an ErrorInfo", err)
	}
	info, ok := s.Details()[0].(*errdetails.ErrorInfo)
	if !ok || info.GetReason() != string(r) || info.GetDomain() != reason.Domain {
		t.Errorf("got %v (%s), want reason %s", s.Details()[0], s.Message(), r)
	}
}

// WantRetry is WantReason for an err that must also have a RetryInfo, which tells clients of any
// language when to come again.
func WantRetry(t *testing.T, err error, r reason.Reason) {
	t.Helper()
	WantReason(t, err, r)
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().AsDuration() > 0 {
			return
		}
	}
	t.Errorf("no RetryInfo in %v", err)
}

// WantLog checks that the log has one line with all of the words, or is empty.
func (h *Harness) WantLog(t *testing.T, logged bool, words ...string) {
	t.Helper()
	log := h.Log.String()
	if !logged {
		if log != "" {
			t.Errorf("in the log: %s", log)
		}
		return
	}
	if n := strings.Count(log, "\n"); n != 1 {
		t.Errorf("%d lines in the log, want 1: %s", n, log)
	}
	for _, word := range words {
		if !strings.Contains(log, word) {
			t.Errorf("the log does not say %q: %s", word, log)
		}
	}
}

// FirstError returns err, the error of opening a stream, or else the error of its first answer.
func FirstError[T any](stream interface{ Recv() (*T, error) }, err error) error {
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

// HashOf finds the info hash of a torrent of v1 in another way than the server: torrenttest writes
// info last but for piece layers, so in v1 its value ends one byte before the end.
func HashOf(torrent []byte) string {
	const key = "4:info"
	at := bytes.Index(torrent, []byte(key)) + len(key)
	sum := sha1.Sum(torrent[at : len(torrent)-1])
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}
