// Package deny knows which torrents an operator does not want to hand out or take.
// Lists in files name them.
//
// # Lines
//
// A line of a list is an info hash in any form that [infohash.Parse] takes, a magnet link, or
// // and the hex SHA-256 of the upper-case hex hash, 40 or 64 digits: such a list can be
// shared and reveals no hash to people who do not know it already. A # begins a comment. White
// space, CR LF, byte order marks, empty lines and duplicates do no harm. Any other line is an
// error, and nothing of its file is taken.
//
// # Matching
//
// A torrent is listed if any of its ids is. The first 128 bits of an id, or of a digest, stand
// for it: they are bits of a cryptographic hash, so two torrents do not share them by chance.
// The short form of a v2 id matches its long form by that, too.
//
// # Files
//
// [Lists] has the files in force and reads them again. A reader sees either what was in
// force before or what is in force afterwards, and never waits. A list takes 25 bytes for
// each hash, and as much again while it is read anew.
package deny
