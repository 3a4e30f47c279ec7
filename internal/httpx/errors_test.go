package httpx_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
)

func TestWriteJSONErrorIsTheStatusOfGRPC(t *testing.T) {
	for _, r := range reason.All() {
		w := httptest.NewRecorder()
		sent := reason.New(r, "change this")
		httpx.WriteJSONError(w, sent)
		var got spb.Status
		if err := protojson.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v: %s", r, err, w.Body)
		}
		var info errdetails.ErrorInfo
		if err := got.GetDetails()[0].UnmarshalTo(&info); err != nil {
			t.Fatal(err)
		}
		if w.Code != r.Answer().JSON || got.GetCode() != int32(sent.GRPCStatus().Code()) || got.GetMessage() != "change this" || info.GetReason() != string(r) {
			t.Errorf("%s: %d %v", r, w.Code, &got)
		}
	}
}

func TestMessagesThatAreNotUTF8(t *testing.T) {
	w := httptest.NewRecorder()
	httpx.WriteJSONError(w, reason.New(reason.TorrentInvalid, "byte \xff"))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "byte \uFFFD") || !strings.Contains(w.Body.String(), "TORRENT_INVALID") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOnlyOwnInternalErrorsAreLogged(t *testing.T) {
	for _, c := range []struct {
		name string
		err  *reason.Error
		want int
	}{
		{"made here", reason.Of(errors.New("boom")), 1},
		{"from the backend", reason.New(reason.Internal, "internal error"), 0},
		{"the caller's", reason.New(reason.RequestInvalid, "x").Because(errors.New("boom")), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			httpx.LogInternal(context.Background(), slog.New(slog.NewTextHandler(&log, nil)), c.err)
			if got := strings.Count(log.String(), "boom"); got != c.want {
				t.Errorf("log %q", log.String())
			}
		})
	}
}

func TestCallContext(t *testing.T) {
	gone, leave := context.WithCancel(context.Background())
	r := httptest.NewRequest("POST", "/", nil).WithContext(gone)
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Grpc-Metadata-Role", "admin")
	leave()
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	if ctx.Err() != nil {
		t.Error("the call ends with the client")
	}
	if _, bounded := ctx.Deadline(); !bounded {
		t.Error("the call may take for ever")
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	if len(md) != 2 || md.Get("authorization")[0] != "Bearer secret" {
		t.Errorf("metadata %v", md)
	}
}
