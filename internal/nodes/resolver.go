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

// scheme names the resolver, which is known to the connections of this package only.
const scheme = "torrentcache-nodes"

// The service configs: calls go to nodes that say that they serve, or to all.
const (
	healthyConfig = `{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "torrentcache.v1.CacheService"}}`
	anyConfig     = `{"loadBalancingConfig": [{"round_robin": {}}]}`
)

// builder makes the resolver of a list of names: grpc's resolver of DNS for each of
// them, and their addresses together.
type builder struct {
	addresses []string
	config    string
}

// Scheme implements [resolver.Builder].
func (*builder) Scheme() string { return scheme }

// Build implements [resolver.Builder].
func (b *builder) Build(_ resolver.Target, cc resolver.ClientConn, o resolver.BuildOptions) (resolver.Resolver, error) {
	o.DisableServiceConfig = true // DNS has no say in how calls are made
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

// union is a [resolver.Resolver] that gives what its resolvers give, together.
type union struct {
	cc        resolver.ClientConn
	config    string
	resolvers []resolver.Resolver // set by Build, not changed after it

	mu sync.Mutex            // guards of, and the order of updates
	of [][]resolver.Endpoint // by resolver; nil until it has answered
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

// update takes over the endpoints of one resolver.
func (u *union) update(index int, endpoints []resolver.Endpoint) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.of[index] = endpoints
	all := distinct(slices.Concat(u.of...))
	return u.cc.UpdateState(resolver.State{Endpoints: all, ServiceConfig: u.cc.ParseServiceConfig(u.config)})
}

// failed reports err if no name has led anywhere yet: of several names the others
// may do.
func (u *union) failed(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(slices.Concat(u.of...)) == 0 {
		u.cc.ReportError(err)
	}
}

// distinct returns endpoints without those that have the address of one before.
func distinct(endpoints []resolver.Endpoint) []resolver.Endpoint {
	seen := map[string]bool{}
	return slices.DeleteFunc(endpoints, func(e resolver.Endpoint) bool {
		address := e.Addresses[0].Addr
		known := seen[address]
		seen[address] = true
		return known
	})
}

// member is what one resolver of a union tells its answers to.
type member struct {
	resolver.ClientConn // for what a resolver asks beside
	union               *union
	index               int
	host                string // whose certificate the addresses show
}

// UpdateState implements [resolver.ClientConn].
func (m *member) UpdateState(s resolver.State) error {
	var endpoints []resolver.Endpoint
	for _, address := range addressesOf(s) {
		address.ServerName = m.host
		endpoints = append(endpoints, resolver.Endpoint{Addresses: []resolver.Address{address}})
	}
	if len(endpoints) == 0 { // so says DNS of unknown names
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

// NewAddress implements [resolver.ClientConn], for resolvers of an older kind.
func (m *member) NewAddress(addresses []resolver.Address) {
	_ = m.UpdateState(resolver.State{Addresses: addresses})
}

// ParseServiceConfig implements [resolver.ClientConn].
func (m *member) ParseServiceConfig(text string) *serviceconfig.ParseResult {
	return m.union.cc.ParseServiceConfig(text)
}
