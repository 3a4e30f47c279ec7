package server_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server"
)

func TestDescribeServer(t *testing.T) {
	key := access.NewKey()
	keyed := access.Entry{Name: "site", Roles: access.Write | access.Admin, Key: access.DigestOf(key)}
	office := access.Entry{Name: "office", Roles: access.Write, Network: netip.MustParsePrefix("192.0.2.0/24")}
	with := func(ctx context.Context, key string) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	for _, c := range []struct {
		says   string
		policy *access.Policy
		change func(*server.Options)
		key    string
		want   *torrentcachev1.DescribeServerResponse // without the size
	}{
		{"an open server, whose operator is not everybody", access.Open(access.Read | access.Write), nil, "",
			&torrentcachev1.DescribeServerResponse{CallerName: "anonymous", CallerRoles: []string{"read", "write"}}},
		{"a key", access.New(access.Read, []access.Entry{keyed}), func(o *server.Options) { o.RefusePrivate = true }, key,
			&torrentcachev1.DescribeServerResponse{CallerName: "site", CallerRoles: []string{"read", "write", "admin"}, UploadNeedsKey: true, RefusesPrivate: true}},
		{"nobody at a closed server", access.New(0, []access.Entry{keyed, office}), func(o *server.Options) { o.RefusePasskeys = true }, "",
			&torrentcachev1.DescribeServerResponse{CallerName: "anonymous", UploadNeedsKey: true, RefusesPasskeys: true, KnowsAddresses: true}},
	} {
		for _, connect := range []connector{overNetwork, inProcess} {
			gate := access.NewGate(c.policy)
			h := newGatedHarness(t, connect, gate, func(o *server.Options) {
				o.Access = gate
				if c.change != nil {
					c.change(o)
				}
			})
			ctx := t.Context()
			if c.key != "" {
				ctx = with(ctx, c.key)
			}
			got, err := h.cache.DescribeServer(ctx, &torrentcachev1.DescribeServerRequest{})
			c.want.MaxTorrentSizeBytes = maxSize
			if err != nil || !proto.Equal(got, c.want) {
				t.Errorf("%s: %v, %v, want %v", c.says, got, err, c.want)
			}
		}
	}
	h := newGatedHarness(t, overNetwork, access.NewGate(access.New(access.Read, []access.Entry{keyed})), func(*server.Options) {})
	_, err := h.cache.DescribeServer(with(t.Context(), "wrong"), &torrentcachev1.DescribeServerRequest{})
	wantReason(t, err, reason.Unauthenticated)
}

// A server that nothing guards lets everybody upload.
func TestDescribeServerWithoutAGate(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		got, err := h.cache.DescribeServer(t.Context(), &torrentcachev1.DescribeServerRequest{})
		if err != nil || got.GetUploadNeedsKey() || slices.Contains(got.GetCallerRoles(), "admin") {
			t.Errorf("%v, %v", got, err)
		}
	})
}
