package server

import "github.com/torrentcache/torrentcache/internal/reason"

// unimplemented is for what the contract declares and this server cannot do with
// what it was given. Generated code would answer without a reason.
func unimplemented(method string) error {
	return reason.New(reason.Unimplemented, "this server does not do %s", method)
}
