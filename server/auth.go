package server

import "context"

// authorize decides whether the caller may call method; its error is
// UNAUTHENTICATED or PERMISSION_DENIED. Everybody may call everything that the
// listener they reach serves, until there are keys.
func authorize(ctx context.Context, method string) error {
	return nil
}
