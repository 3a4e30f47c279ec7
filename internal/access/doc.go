// Package access says who may do what.
//
// A caller is known by a key, by the name in its certificate, or by the network
// it comes from; the keys file has one line for each ([Parse]). Who is known by
// none of them is anonymous. Each way gives roles, and a caller has the roles of
// all ways together. A [Policy] decides by them what a call may do
// ([Policy.Decide]); a [Gate] holds the policy in force and changes it while calls
// go on.
//
// # Keys
//
// A key is 160 random bits ([NewKey]), and the file holds its SHA-256 alone. A
// slow, salted hash as for passwords would add nothing: those make guessing dear,
// and 2^160 keys are not guessed at any price. It would cost every call
// milliseconds. Keys are found by the digest of what the caller showed. How long
// the look-up takes may tell something of the digests in the file, and nothing of
// a key: who had a whole digest would still have to invert SHA-256.
//
// Everything in it is safe for concurrent use.
package access
