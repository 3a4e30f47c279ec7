package certtest

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// ACME is an ACME authority (RFC 8555) that checks no signatures. It asks for the challenge in
// Challenge, and expects the answers at the hosts in Addresses.
type ACME struct {
	*httptest.Server
	Authority *Authority
	Challenge string            // tls-alpn-01 or http-01
	Addresses map[string]string // host:port of the server of each name

	t      testing.TB
	mu     sync.Mutex
	name   string // the name in the order
	valid  bool   // the challenge was answered
	issued []byte // the certificate of the order, PEM
	orders int
}

const challengeToken = "token-of-the-challenge"

// NewACME starts an authority that runs until the test ends.
func NewACME(t testing.TB, challenge string) *ACME {
	a := &ACME{Authority: NewAuthority(t), Challenge: challenge, Addresses: map[string]string{}, t: t}
	mux := http.NewServeMux()
	for path, serve := range map[string]func([]byte) (int, any){
		"/account": func([]byte) (int, any) { return http.StatusCreated, map[string]any{"status": "valid"} },
		"/order":   a.order, "/order/1": a.order, "/authz": a.authorization, "/challenge": a.validate, "/finalize": a.finalize,
	} {
		mux.HandleFunc(path, a.signed(serve))
	}
	mux.HandleFunc("/directory", func(w http.ResponseWriter, _ *http.Request) {
		a.answer(w, http.StatusOK, map[string]string{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order"})
	})
	mux.HandleFunc("/nonce", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Replay-Nonce", "nonce") })
	mux.HandleFunc("/certificate", func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(append(bytes.Clone(a.issued), a.Authority.Certificate...))
	})
	a.Server = httptest.NewTLSServer(mux)
	t.Cleanup(a.Close)
	return a
}

// CA returns the certificate, PEM, of the authority's own web server.
func (a *ACME) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Server.Certificate().Raw})
}

// Orders returns how many certificates were asked for.
func (a *ACME) Orders() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.orders
}

// signed calls serve with the payload of each request, and does not check its signature.
func (a *ACME) signed(serve func(payload []byte) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Payload string }
		err := json.NewDecoder(r.Body).Decode(&request)
		payload, badBase64 := base64.RawURLEncoding.DecodeString(request.Payload)
		if err != nil || badBase64 != nil {
			http.Error(w, fmt.Sprint(err, badBase64), http.StatusBadRequest)
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		status, body := serve(payload)
		switch r.URL.Path {
		case "/account":
			w.Header().Set("Location", a.URL+"/account/1")
		case "/order", "/finalize":
			w.Header().Set("Location", a.URL+"/order/1")
		}
		a.answer(w, status, body)
	}
}

func (a *ACME) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Replay-Nonce", "nonce")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// order answers a new order, which has a payload, and an old one.
func (a *ACME) order(payload []byte) (int, any) {
	var request struct{ Identifiers []struct{ Value string } }
	code := http.StatusOK
	if json.Unmarshal(payload, &request) == nil && len(request.Identifiers) == 1 {
		code = http.StatusCreated
		a.name, a.valid, a.issued = request.Identifiers[0].Value, false, nil
		a.orders++
	}
	status := "pending"
	switch {
	case a.issued != nil:
		status = "valid"
	case a.valid:
		status = "ready"
	}
	return code, map[string]any{
		"status": status, "identifiers": []any{map[string]string{"type": "dns", "value": a.name}},
		"authorizations": []string{a.URL + "/authz"}, "finalize": a.URL + "/finalize", "certificate": a.URL + "/certificate",
	}
}

func (a *ACME) authorization([]byte) (int, any) {
	status := "pending"
	if a.valid {
		status = "valid"
	}
	return http.StatusOK, map[string]any{
		"status": status, "identifier": map[string]string{"type": "dns", "value": a.name},
		"challenges": []any{map[string]string{"type": a.Challenge, "url": a.URL + "/challenge", "token": challengeToken, "status": status}},
	}
}

// validate checks that the name's server answers the challenge. It does not check the part of
// the answer that depends on the account's key.
func (a *ACME) validate([]byte) (int, any) {
	var err error
	if a.Challenge == "http-01" {
		err = a.validateHTTP()
	} else {
		err = a.validateTLS()
	}
	if err != nil {
		a.t.Errorf("ACME: %v", err)
		return http.StatusForbidden, map[string]string{"type": "urn:ietf:params:acme:error:unauthorized", "detail": err.Error()}
	}
	a.valid = true
	return http.StatusOK, map[string]string{"type": a.Challenge, "url": a.URL + "/challenge", "token": challengeToken, "status": "valid"}
}

func (a *ACME) validateHTTP() error {
	r, err := http.NewRequest(http.MethodGet, "http://"+a.Addresses[a.name]+"/.well-known/acme-challenge/"+challengeToken, nil)
	if err != nil {
		return err
	}
	r.Host = a.name
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.HasPrefix(body, []byte(challengeToken+".")) {
		return fmt.Errorf("answered %s %s, %v", resp.Status, body, err)
	}
	return nil
}

func (a *ACME) validateTLS() error {
	conn, err := tls.Dial("tcp", a.Addresses[a.name], &tls.Config{ServerName: a.name, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	shown := conn.ConnectionState().PeerCertificates[0]
	if conn.ConnectionState().NegotiatedProtocol != "acme-tls/1" || len(shown.DNSNames) != 1 || shown.DNSNames[0] != a.name {
		return fmt.Errorf("speaks %q and shows %v", conn.ConnectionState().NegotiatedProtocol, shown.DNSNames)
	}
	return nil
}

// finalize issues the certificate that the order's certificate request asks for.
func (a *ACME) finalize(payload []byte) (int, any) {
	var request struct{ CSR string }
	if err := json.Unmarshal(payload, &request); err != nil || !a.valid {
		return http.StatusForbidden, map[string]string{"detail": fmt.Sprint("not yet: ", err)}
	}
	der, err := base64.RawURLEncoding.DecodeString(request.CSR)
	if err != nil {
		return http.StatusBadRequest, map[string]string{"detail": err.Error()}
	}
	a.issued = a.Authority.SignRequest(a.t, der)
	return a.order(nil)
}
