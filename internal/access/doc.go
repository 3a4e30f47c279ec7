// Package access decides which calls each caller may make.
//
// A caller is known by a key, by the name in its certificate, or by the network it
// comes from; the keys file has one line for each ([Parse]). A caller that is
// known in none of these ways is anonymous. Each way gives roles, and a caller has
// the roles of all ways together. A [Policy] decides by these roles whether the
// caller may make a call ([Policy.Decide]); a [Gate] holds the policy in force and
// changes it while calls go on.
//
// # Keys
//
// A key is 160 random bits ([NewKey]), and the file holds only its SHA-256. A
// slow, salted hash as for passwords would add nothing: such a hash makes
// guessing expensive, and nobody can guess one of 2^160 keys at any price. It
// would cost every call milliseconds. A key is looked up by its digest. The time
// of the look-up may reveal something about the digests in the file, but nothing
// about a key: an attacker with a whole digest would still have to invert SHA-256.
//
// Everything in the package is safe for concurrent use.
package access
