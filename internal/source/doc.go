// Package source finds torrents: in files, in folders and all folders below, and
// inside tar and zip archives, which it reads without unpacking them.
//
// [Walk] goes through any number of paths and yields a [File] for each file that
// is or may be a torrent. Which those are: every file that is named explicitly;
// below folders and in archives those named *.torrent (also .torrent.gz and
// .torrent.bz2), and of the others those that begin as a torrent does. Walk
// leaves out files that operating systems add (._*, .DS_Store, Thumbs.db, ...)
// and unfinished downloads (*.part, ...).
//
// Archives are recognized by what is in them, not by their names: tar, plain or
// compressed with gzip, bzip2, xz or zstd, and zip. What is in an archive may be
// compressed with gzip or bzip2 once more, as the data folder of torrage is; it
// is yielded as it is, since servers and clients inflate that.
//
// Memory does not grow with the number of files.
package source
