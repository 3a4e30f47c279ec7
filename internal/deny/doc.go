// Package deny decides, from lists in files, which torrents the operator refuses to serve or
// accept.
//
// # Lines
//
// A line of a list is an info hash in any form that [infohash.Parse] accepts, a magnet link, or
// // followed by the hex SHA-256 of the upper-case hex hash, 40 or 64 digits. A list of these
// digests can be shared: it reveals no hash to people who do not know that hash already. A #
// begins a comment. White space, CR LF, byte order marks, empty lines and duplicates are
// ignored. Any other line is an error, and then nothing of the file is used.
//
// # Matching
//
// A torrent is listed if any of its ids is. Only the first 128 bits of an id or a digest are
// compared: they are bits of a cryptographic hash, so two torrents do not share them by chance.
// For the same reason the truncated form of a v2 id matches the full one.
//
// # Files
//
// [Lists] holds the files in force and rereads them. A reader sees either the old or the new
// lists, and never waits. A list takes 25 bytes for each hash, and twice that while it is
// reread.
package deny
