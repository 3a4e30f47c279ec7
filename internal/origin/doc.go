// Package origin finds out which address a request comes from.
//
// Behind a proxy every connection comes from the proxy, which names the client in
// a header: X-Forwarded-For, or Forwarded (RFC 7239). Anyone can send such a
// header, so only proxies that the operator has named are believed ([Proxies]),
// and only as far back as each of them is one. An address that is not certain is
// [Unknown], which no network contains: roles and exemptions by address do not
// apply to it, and all unknown clients share one budget.
//
// The same proxies are believed when they say by which scheme and host the client asked
// ([Asked]).
//
// The package is a leaf. Everything in it is safe for concurrent use.
package origin
