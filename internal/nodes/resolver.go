package nodes

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"

	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
)

// scheme names the resolver. Only the connections of this package know it.
const scheme = "torrentcache-nodes"

// The service configs. Calls go to the nodes that report that they serve, or to all nodes.
const (
	healthyConfig = `{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "torrentcache.v1.CacheService"}}`
	anyConfig     = `{"loadBalancingConfig": [{"round_robin": {}}]}`
)

// builder makes the resolver of a list of names. It runs grpc's DNS resolver for each name, and
// joins their addresses.
type builder struct {
	addresses []string
	config    string
}

// Scheme implements [resolver.Builder].
func (*builder) Scheme() string { return scheme }

// Build implements [resolver.Builder].
func (b *builder) Build(_ resolver.Target, cc resolver.ClientConn, o resolver.BuildOptions) (resolver.Resolver, error) {
	o.DisableServiceConfig = true // DNS must not change how calls are made
	u := &union{cc: cc, config: b.config, of: make([][]resolver.Endpoint, len(b.addresses))}
	dns := resolver.Get("dns")
	for i, address := range b.addresses {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			u.Close()
			return nil, err
		}
		target := resolver.Target{URL: url.URL{Scheme: "dns", Path: "/" + address}}
		r, err := dns.Build(target, &member{ClientConn: cc, union: u, index: i, host: host}, o)
		if err != nil {
			u.Close()
			return nil, err
		}
		u.resolvers = append(u.resolvers, r)
	}
	return u, nil
}

// union is a [resolver.Resolver] that joins the addresses of its resolvers.
type union struct {
	cc        resolver.ClientConn
	config    string
	resolvers []resolver.Resolver // set by Build, not changed after it

	mu sync.Mutex            // guards of, and the order of updates
	of [][]resolver.Endpoint // of each resolver; nil until it has answered
}

// ResolveNow implements [resolver.Resolver].
func (u *union) ResolveNow(o resolver.ResolveNowOptions) {
	for _, r := range u.resolvers {
		r.ResolveNow(o)
	}
}

// Close implements [resolver.Resolver].
func (u *union) Close() {
	for _, r := range u.resolvers {
		r.Close()
	}
}

// update replaces the endpoints of one resolver, and reports those of all resolvers.
func (u *union) update(index int, endpoints []resolver.Endpoint) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.of[index] = endpoints
	all := distinct(slices.Concat(u.of...))
	return u.cc.UpdateState(resolver.State{Endpoints: all, ServiceConfig: u.cc.ParseServiceConfig(u.config)})
}

// failed reports err unless a name has given an address already: one of several names is enough.
func (u *union) failed(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(slices.Concat(u.of...)) == 0 {
		u.cc.ReportError(err)
	}
}

// distinct returns endpoints without those whose address an earlier one has.
func distinct(endpoints []resolver.Endpoint) []resolver.Endpoint {
	seen := map[string]bool{}
	return slices.DeleteFunc(endpoints, func(e resolver.Endpoint) bool {
		address := e.Addresses[0].Addr
		known := seen[address]
		seen[address] = true
		return known
	})
}

// member is the [resolver.ClientConn] to which one resolver of a union reports its addresses.
type member struct {
	resolver.ClientConn // for its other methods
	union               *union
	index               int
	host                string // the name that the certificates at the addresses must have
}

// UpdateState implements [resolver.ClientConn].
func (m *member) UpdateState(s resolver.State) error {
	var endpoints []resolver.Endpoint
	for _, address := range addressesOf(s) {
		address.ServerName = m.host
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{address}})
	}
	if len(endpoints) == 0 { // the resolver reports an unknown name like this
		err := fmt.Errorf("%s has no address", m.host)
		m.union.failed(err)
		return err
	}
	return m.union.update(m.index, endpoints)
}

func addressesOf(s resolver.State) []resolver.Address {
	if len(s.Endpoints) == 0 {
		return s.Addresses
	}
	var all []resolver.Address
	for _, e := range s.Endpoints {
		all = append(all, e.Addresses...)
	}
	return all
}

// ReportError implements [resolver.ClientConn].
func (m *member) ReportError(err error) { m.union.failed(err) }

// NewAddress implements [resolver.ClientConn]. Older resolvers call it.
func (m *member) NewAddress(addresses []resolver.Address) {
	_ = m.UpdateState(resolver.State{Addresses: addresses})
}

// ParseServiceConfig implements [resolver.ClientConn].
func (m *member) ParseServiceConfig(text string) *serviceconfig.ParseResult {
	return m.union.cc.ParseServiceConfig(text)
}
