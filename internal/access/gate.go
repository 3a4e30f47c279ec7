package access

import (
	"context"
	"sync/atomic"
)

// Gate holds the policy in force.
type Gate struct{ inForce atomic.Pointer[inForce] }

type inForce struct {
	policy   *Policy
	replaced chan struct{} // closed when another policy is in force
}

// NewGate returns a Gate with this policy in force.
func NewGate(p *Policy) *Gate {
	g := &Gate{}
	g.inForce.Store(&inForce{p, make(chan struct{})})
	return g
}

// Set puts another policy in force.
func (g *Gate) Set(p *Policy) {
	close(g.inForce.Swap(&inForce{p, make(chan struct{})}).replaced)
}

// Policy returns the policy in force, and a channel that is closed when another
// policy replaces it.
func (g *Gate) Policy() (p *Policy, replaced <-chan struct{}) {
	now := g.inForce.Load()
	return now.policy, now.replaced
}

// Decide decides by the policy in force; see [Policy.Decide].
func (g *Gate) Decide(c Credentials, method string) (Principal, error) {
	return g.inForce.Load().policy.Decide(c, method)
}

// NameOf returns the caller's name by the policy in force; see [Policy.Identify].
func (g *Gate) NameOf(c Credentials) (string, error) {
	who, err := g.inForce.Load().policy.Identify(c)
	return who.Name, err
}

type principalKey struct{}

// NewContext returns ctx with the caller p.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// FromContext returns the caller in ctx, or an anonymous one without roles if there is none.
func FromContext(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(Principal); ok {
		return p
	}
	return Principal{Name: Anonymous}
}
