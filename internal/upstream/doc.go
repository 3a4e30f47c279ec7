// Package upstream asks other caches for torrents that the store of this server lacks.
//
// [Upstreams.Fetch] asks them one after the other, once for all who miss the same torrent at a
// time, and remembers for a while what none of them has. Whoever waits does so no longer than
// [Options.Wait]; the search goes on without. What is found goes to a function of the caller ([Here]),
// which checks it and stores it as it does an upload: this package knows no policy and no store.
//
// # What it trusts
//
// Nothing that an upstream sends, and no name: what a name resolves to is looked at when the
// connection is made, and every address that is not a public one is refused (see guard). A
// redirect is followed within its host alone. Bytes are bounded and counted in the budget of
// memory while they are read. Each request says by the header CDN-Loop (RFC 8586) that a
// server of this kind asks: another one answers it from its own store alone, so that servers
// which ask each other in a ring never wait for themselves.
package upstream
