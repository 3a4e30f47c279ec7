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
	"github.com/torrentcache/torrentcache/server/servertest"
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
		change func(*servertest.Options)
		key    string
		want   *torrentcachev1.DescribeServerResponse // without the size
	}{
		{"an open server, whose operator is not everybody", access.Open(access.Read | access.Write), nil, "",
			&torrentcachev1.DescribeServerResponse{CallerName: "anonymous", CallerRoles: []string{"read", "write"}}},
		{"a key", access.New(access.Read, []access.Entry{keyed}), func(o *servertest.Options) { o.RefusePrivate = true }, key,
			&torrentcachev1.DescribeServerResponse{CallerName: "site", CallerRoles: []string{"read", "write", "admin"}, UploadNeedsKey: true, RefusesPrivate: true}},
		{"nobody at a closed server", access.New(0, []access.Entry{keyed, office}), func(o *servertest.Options) { o.RefusePasskeys = true }, "",
			&torrentcachev1.DescribeServerResponse{CallerName: "anonymous", UploadNeedsKey: true, RefusesPasskeys: true, KnowsAddresses: true}},
	} {
		for _, connect := range []servertest.Connector{servertest.OverNetwork, servertest.InProcess} {
			gate := access.NewGate(c.policy)
			h := servertest.NewGated(t, connect, gate, func(o *servertest.Options) {
				o.Access = gate
				if c.change != nil {
					c.change(o)
				}
			})
			ctx := t.Context()
			if c.key != "" {
				ctx = with(ctx, c.key)
			}
			got, err := h.Cache.DescribeServer(ctx, &torrentcachev1.DescribeServerRequest{})
			c.want.MaxTorrentSizeBytes = servertest.MaxSize
			if err != nil || !proto.Equal(got, c.want) {
				t.Errorf("%s: %v, %v, want %v", c.says, got, err, c.want)
			}
		}
	}
	h := servertest.NewGated(t, servertest.OverNetwork, access.NewGate(access.New(access.Read, []access.Entry{keyed})))
	_, err := h.Cache.DescribeServer(with(t.Context(), "wrong"), &torrentcachev1.DescribeServerRequest{})
	servertest.WantReason(t, err, reason.Unauthenticated)
}

// A server without a gate lets everybody upload.
func TestDescribeServerWithoutAGate(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		got, err := h.Cache.DescribeServer(t.Context(), &torrentcachev1.DescribeServerRequest{})
		if err != nil || got.GetUploadNeedsKey() || slices.Contains(got.GetCallerRoles(), "admin") {
			t.Errorf("%v, %v", got, err)
		}
	})
}
