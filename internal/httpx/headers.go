package httpx

import "net/http"

// SetSecurityHeaders sets the headers that every answer of the HTTP doors
// carries: no guessing of content types, no Referer to other sites.
func SetSecurityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}
