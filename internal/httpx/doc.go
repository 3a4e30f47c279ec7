// Package httpx is what the HTTP doors share: reading a body within its limit,
// writing an error, calling the service on behalf of a request, and mending the request
// lines of old clients.
//
// It knows HTTP and reasons and nothing of torrents. Everything in it is safe
// for concurrent use unless it says otherwise.
package httpx
