package server

import (
	"context"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
)

// DescribeServer implements CacheService.
func (s *cacheService) DescribeServer(ctx context.Context, _ *torrentcachev1.DescribeServerRequest) (*torrentcachev1.DescribeServerResponse, error) {
	policy, _ := s.access.Policy()
	who := access.FromContext(ctx)
	if who.Name == access.Anonymous {
		who.Roles &^= access.Admin // without keys it is the listener that tells the operator
	}
	return &torrentcachev1.DescribeServerResponse{
		MaxTorrentSizeBytes: s.maxSize,
		RefusesPrivate:      s.refusePrivate,
		RefusesPasskeys:     s.refusePasskeys,
		UploadNeedsKey:      !policy.Anonymous().Has(access.Write),
		CallerName:          who.Name,
		CallerRoles:         rolesOf(who),
		KnowsAddresses:      policy.KnowsAddresses(),
	}, nil
}

// rolesOf returns the names of a caller's roles, none if it has none.
func rolesOf(who access.Principal) []string {
	if who.Roles == 0 {
		return nil
	}
	return strings.Split(who.Roles.String(), ",")
}
