package soapcompat

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/gen/soap/cachesoap"
	"github.com/torrentcache/torrentcache/internal/httpx"
)

// faultCode says which side caused a fault. All but noProcedure are named as in SOAP 1.1.
type faultCode string

const (
	clientFault     faultCode = "Client"
	versionMismatch faultCode = "VersionMismatch"
	mustUnderstand  faultCode = "MustUnderstand"
	noProcedure     faultCode = "ProcedureNotPresent" // SOAP 1.2 only
)

// fault says why a request is not a call of this service.
type fault struct {
	code faultCode
	text string
}

func (f *fault) Error() string { return f.text }

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// Around their result, the legacy answers equal those of PHP's SoapServer in rpc/encoded, byte for
// byte.
const (
	encoded11Head = xmlDeclaration +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="urn:xmethods-delayed-quotes"` +
		` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">` +
		`<SOAP-ENV:Body><ns1:cacheTorrentResponse><Result xsi:type="xsd:string">`
	encoded11Tail = `</Result></ns1:cacheTorrentResponse></SOAP-ENV:Body></SOAP-ENV:Envelope>` + "\n"

	encoded12Head = xmlDeclaration +
		`<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:ns1="urn:xmethods-delayed-quotes"` +
		` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
		` xmlns:enc="http://www.w3.org/2003/05/soap-encoding"><env:Body xmlns:rpc="http://www.w3.org/2003/05/soap-rpc">` +
		`<ns1:cacheTorrentResponse env:encodingStyle="http://www.w3.org/2003/05/soap-encoding"><rpc:result>Result</rpc:result>` +
		`<Result xsi:type="xsd:string">`
	encoded12Tail = `</Result></ns1:cacheTorrentResponse></env:Body></env:Envelope>` + "\n"
)

// encodedAnswer returns the rpc/encoded answer. Result must consist of letters and digits.
func encodedAnswer(v version, result string) string {
	if v == soap12 {
		return encoded12Head + result + encoded12Tail
	}
	return encoded11Head + result + encoded11Tail
}

// literalAnswer returns the document/literal answer.
func literalAnswer(v version, result string) string {
	body, err := xml.Marshal(&cachesoap.CacheTorrentResponse{Result: result})
	if err != nil { // a name and a string always marshal
		panic(err)
	}
	return wrap(v, string(body))
}

// faultAnswer returns f as an answer in version v.
func faultAnswer(v version, f *fault) string {
	text := escape(f.text)
	if v != soap12 {
		return wrap(v, `<SOAP-ENV:Fault><faultcode>`+code11(f.code)+`</faultcode><faultstring>`+text+
			`</faultstring></SOAP-ENV:Fault>`)
	}
	return wrap(v, `<env:Fault><env:Code>`+code12(f.code)+`</env:Code><env:Reason><env:Text xml:lang="en">`+text+
		`</env:Text></env:Reason></env:Fault>`)
}

// code11 returns code as SOAP 1.1 writes it (section 4.4.1).
func code11(code faultCode) string {
	if code == noProcedure {
		code = clientFault
	}
	return "SOAP-ENV:" + string(code)
}

// code12 returns code as SOAP 1.2 writes it (part 1, section 5.4.6; part 2, section 4.4).
func code12(code faultCode) string {
	switch code {
	case clientFault:
		return `<env:Value>env:Sender</env:Value>`
	case noProcedure:
		return `<env:Value>env:Sender</env:Value><env:Subcode><env:Value xmlns:rpc="http://www.w3.org/2003/05/soap-rpc">` +
			`rpc:ProcedureNotPresent</env:Value></env:Subcode>`
	}
	return `<env:Value>env:` + string(code) + `</env:Value>`
}

// wrap puts body into an envelope of version v, or of 1.1 if v is unknown.
func wrap(v version, body string) string {
	prefix := "SOAP-ENV"
	if v == soap12 {
		prefix = "env"
	} else {
		v = soap11
	}
	return xmlDeclaration + `<` + prefix + `:Envelope xmlns:` + prefix + `="` + string(v) + `"><` + prefix + `:Body>` +
		body + `</` + prefix + `:Body></` + prefix + `:Envelope>` + "\n"
}

// escape escapes s for XML text and attributes.
func escape(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a Builder takes everything
	return out.String()
}

func writeSOAP(w http.ResponseWriter, v version, status int, body string) {
	contentType := "text/xml; charset=utf-8"
	if v == soap12 {
		contentType = "application/soap+xml; charset=utf-8"
	}
	w.Header().Set("Cache-Control", "no-store")
	httpx.Write(w, status, contentType, []byte(body))
}
