package reason

import "strings"

// Unverified is the part of grpc's message about a connection that says that the server's
// certificate could not be verified: grpc passes on only the message of a
// [crypto/tls.CertificateVerificationError].
const Unverified = "tls: failed to verify certificate: "

// connectionCauses are the meanings of grpc's messages about a connection that contain part.
var connectionCauses = []struct{ part, means string }{
	{"does not look like a TLS handshake", "the server there speaks no TLS"},
	{"HTTP/1.1 header", notGRPC},
	{"server preface: http2", notGRPC},
	{"unexpected HTTP status", notGRPC},
	{"error reading server preface", "the server there ends the connection at once, as a server with TLS does to a client without"},
	{"produced zero addresses", "the name of the server has no address"},
}

const notGRPC = "the server there speaks no gRPC: want the address of a server's --grpc-addr"

// connectionDetails are the beginnings of the useful end of other messages, and the words that
// replace them.
var connectionDetails = []struct{ begin, words string }{
	{Unverified, "the server's certificate cannot be trusted: "},
	{"authentication handshake failed: ", "no TLS with the server: "},
	{"dial ", "dial "},
}

// ConnectionCause returns the meaning of grpc's message about a connection that could not be made,
// for the user who chose the address. It returns any other message unchanged.
func ConnectionCause(message string) string {
	for _, c := range connectionCauses {
		if strings.Contains(message, c.part) {
			return c.means
		}
	}
	for _, d := range connectionDetails {
		if at := strings.LastIndex(message, d.begin); at >= 0 {
			return d.words + strings.TrimSuffix(message[at+len(d.begin):], `"`)
		}
	}
	return message
}
