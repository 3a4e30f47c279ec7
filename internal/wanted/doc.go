// Package wanted keeps which torrents are not here and are wanted, in memory, for a program that
// looks for them elsewhere.
//
// A crawl of info hashes, real ones or not, must not fill it. So a torrent is wanted when somebody
// says so ([Book.Ask]), when a caller who is known misses it, or when two callers do, whom nobody
// has to know: of an address there is a hash, salted anew each day, and never more.
package wanted
