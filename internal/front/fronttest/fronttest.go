// Package fronttest records the answers of the doors in their tests, so that test/openapi can
// check all of them against the OpenAPI document.
package fronttest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
)

// Variable is the environment variable that names the file to which answers are added, each as
// a line of JSON. Without it nothing is recorded.
const Variable = "TORRENTCACHE_TEST_ANSWERS"

// Answer is a request and how it was answered.
type Answer struct {
	Method, URL string
	Status      int
	Header      http.Header
	Body        []byte
}

// Recorded returns next with its answers recorded. It panics if the file cannot be written. It
// is safe for concurrent use, by several processes as well: a line is one write.
func Recorded(next http.Handler) http.Handler {
	file := os.Getenv(Variable)
	if file == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, url := r.Method, r.URL.String()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		line, err := json.Marshal(Answer{method, url, rec.status, w.Header(), rec.body.Bytes()})
		if err != nil {
			panic(err)
		}
		if err := add(file, append(line, '\n')); err != nil {
			panic(err)
		}
	})
}

func add(file string, line []byte) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(line)
	return err
}

// recorder keeps the status and the body that are written through it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
