package reason_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestEveryReasonAnswersAtEveryDoor(t *testing.T) {
	for _, r := range reason.All() {
		a := r.Answer()
		if a.Code == codes.OK || a.ReadCode == codes.OK {
			t.Errorf("%s: gRPC code OK for an error", r)
		}
		if a.JSON < 400 || a.Download < 400 {
			t.Errorf("%s: JSON %d, download %d; want errors", r, a.JSON, a.Download)
		}
		if a.SOAP < 110 || a.SOAP > 116 {
			t.Errorf("%s: SOAP code %d is none that scripts know", r, a.SOAP)
		}
		if a.Form != 200 && a.Form < 400 {
			t.Errorf("%s: form status %d", r, a.Form)
		}
		if a.Text == "" {
			t.Errorf("%s: no text", r)
		}
	}
}

func TestErrorSurvivesTheWire(t *testing.T) {
	for _, r := range reason.All() {
		sent := reason.New(r, "change %s", "this")
		s, ok := status.FromError(error(sent))
		if !ok {
			t.Fatalf("%s: not a gRPC status", r)
		}
		got := reason.Of(s.Err())
		if got.Reason != r || got.Message != "change this" {
			t.Errorf("sent %v, received %v", sent, got)
		}
		if again := reason.Of(error(got)); again.GRPCStatus().Code() != r.Answer().Code {
			t.Errorf("%s: code %s after a second hop", r, again.GRPCStatus().Code())
		}
	}
}

// The facts by which programs decide are in the details of the status, also after a hop.
func TestDetails(t *testing.T) {
	sent := reason.New(reason.TorrentInvalid, "at byte 57: \xff").On("torrent").At(57)
	for _, err := range []*reason.Error{sent, reason.Of(sent.GRPCStatus().Err())} {
		var found []string
		for _, detail := range err.GRPCStatus().Details() {
			switch d := detail.(type) {
			case *errdetails.ErrorInfo:
				found = append(found, d.GetReason(), d.GetMetadata()["byte_offset"])
			case *errdetails.BadRequest:
				found = append(found, d.GetFieldViolations()[0].GetField(), d.GetFieldViolations()[0].GetReason())
			}
		}
		if want := []string{"TORRENT_INVALID", "57", "torrent", "TORRENT_INVALID"}; !slices.Equal(found, want) {
			t.Errorf("%q in the details, want %q", found, want)
		}
	}
}

// Every error for which trying again may help says after what time.
func TestRetriesHaveATime(t *testing.T) {
	for _, r := range reason.All() {
		worth := r == reason.Overloaded || r == reason.RateLimited || r == reason.StorageFull
		if after := reason.Of(reason.New(r, "x").GRPCStatus().Err()).RetryAfter(); (after > 0) != worth {
			t.Errorf("%s: try again after %s", r, after)
		}
	}
	if after := reason.Of(status.Error(codes.Unavailable, "connection refused")).RetryAfter(); after <= 0 {
		t.Error("an unreachable backend: no time to try again after")
	}
	if after := reason.New(reason.Overloaded, "x").After(time.Hour).RetryAfter(); after != time.Hour {
		t.Errorf("what is known better is %s", after)
	}
}

func TestRemovedIsNotFoundForReaders(t *testing.T) {
	e := reason.New(reason.TorrentRemoved, "gone")
	if c := status.Code(e); c != codes.FailedPrecondition {
		t.Errorf("upload: %s", c)
	}
	if c := status.Code(e.OnRead()); c != codes.NotFound {
		t.Errorf("read: %s", c)
	}
}

func TestOfErrorsMadeElsewhere(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want reason.Reason
	}{
		{"grpc message over the receive limit", status.Error(codes.ResourceExhausted, "received message larger than max"), reason.TorrentTooLarge},
		{"backend unreachable", status.Error(codes.Unavailable, "connection refused"), reason.Overloaded},
		{"service not there", status.Error(codes.Unimplemented, "unknown service"), reason.Unimplemented},
		{"client gone", context.Canceled, reason.Overloaded},
		{"plain Go error", errors.New("boom"), reason.Internal},
		{"wrapped", fmt.Errorf("putting: %w", reason.New(reason.StorageFull, "full")), reason.StorageFull},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := reason.Of(c.err).Reason; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if m := reason.Of(status.Error(codes.Unavailable, "dial 10.0.0.7:9090")).Message; strings.Contains(m, "10.0.0.7") {
		t.Errorf("a caller learns an address of the inside: %q", m)
	}
	if reason.Of(nil) != nil {
		t.Error("Of(nil) is not nil")
	}
}

func TestCauseStaysInside(t *testing.T) {
	cause := errors.New("disk /dev/secret")
	e := reason.New(reason.Internal, "internal error").Because(cause)
	if !errors.Is(e, cause) {
		t.Error("cause lost")
	}
	if strings.Contains(status.Convert(error(e)).String(), "secret") || strings.Contains(e.LegacyText(), "secret") {
		t.Error("cause reached the client")
	}
}

func TestLegacyText(t *testing.T) {
	hexRun := regexp.MustCompile(`[0-9A-Fa-f]{40}`)
	for _, r := range reason.All() {
		e := reason.New(r, "line\r\nbreak \x00 é %s %s", strings.Repeat("A", 41), strings.Repeat("0", 2000))
		text := e.LegacyText()
		if hexRun.MatchString(text) {
			t.Errorf("%s: text looks like an info hash: %q", r, text)
		}
		if strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("%s: text breaks a header: %q", r, text)
		}
		if len(text) > 500 {
			t.Errorf("%s: text is %d bytes long", r, len(text))
		}
		if body := e.LegacyBody(); body != fmt.Sprintf("Error %d: %s\n", r.Answer().SOAP, text) {
			t.Errorf("%s: body %q", r, body)
		}
	}
}

func TestWordsThatScriptsLookFor(t *testing.T) {
	invalid := reason.New(reason.TorrentInvalid, "at byte 0: not a dictionary").LegacyBody()
	full, want := reason.New(reason.StorageFull, "the store has no room, try again later").LegacyBody(), "Error 114: The server is full, try again later. The store has no room\n"
	if full != want {
		t.Errorf("got %q, want %q", full, want)
	}
	if want := "Error 112: Broken torrent file, please recreate it and try again. At byte 0: not a dictionary\n"; invalid != want {
		t.Errorf("got %q, want %q", invalid, want)
	}
	if text := reason.New(reason.TorrentRemoved, "by request").LegacyText(); !strings.HasPrefix(text, "Deleted torrent:") {
		t.Errorf("got %q", text)
	}
}
