// Package httpx is what the HTTP doors share: reading a body within its limit,
// writing an error, recovering from a panic, and routing by exact path.
//
// It knows HTTP and reasons and nothing of torrents. Everything in it is safe
// for concurrent use unless it says otherwise.
package httpx
