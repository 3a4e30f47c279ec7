package httpx

import (
	"net/http"
	"strings"
)

// Methods is the handlers of one path by method. Get serves HEAD too; net/http
// leaves the body out. A nil handler means that the path lacks the method.
type Methods struct {
	Get  http.HandlerFunc
	Post http.HandlerFunc
}

// Find returns the handler for method, or nil if the path lacks it.
func (m Methods) Find(method string) http.HandlerFunc {
	switch method {
	case http.MethodGet, http.MethodHead:
		return m.Get
	case http.MethodPost:
		return m.Post
	}
	return nil
}

// Allow returns the value of the Allow header that goes with a 405.
func (m Methods) Allow() string {
	var allowed []string
	if m.Get != nil {
		allowed = append(allowed, http.MethodGet, http.MethodHead)
	}
	if m.Post != nil {
		allowed = append(allowed, http.MethodPost)
	}
	return strings.Join(allowed, ", ")
}
