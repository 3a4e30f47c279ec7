// Package certificate keeps the TLS certificate of a server, and the authorities
// of its clients' certificates, in force, and changes them while it serves.
//
// They come from files ([Open]) or, the certificate alone, from an ACME authority
// such as Let's Encrypt ([OpenACME]). A [Source] gives TLS configurations, for any
// number of listeners. [Source.Follow] watches for changed files and
// [Source.Reload] reads them at once; if new files cannot be used the old ones
// stay in force. Open connections keep the certificate that they began with, so no
// request fails because of a change.
//
// Everything in it is safe for concurrent use.
package certificate
