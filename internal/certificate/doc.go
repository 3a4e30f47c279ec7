// Package certificate keeps the TLS certificate of a server, and the authorities
// of its clients' certificates, in force, and changes them while it serves.
//
// They come from files ([Open]) or, the certificate alone, from an ACME authority
// such as Let's Encrypt ([OpenACME]). A [Source] gives TLS configurations, for any
// number of listeners. Files that changed are found by [Source.Follow] or read by
// [Source.Reload]; ones that cannot be used leave the old in force. Connections
// that exist keep what they began with, so nothing fails for a change.
//
// Everything in it is safe for concurrent use.
package certificate
