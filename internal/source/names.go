package source

import (
	"path"
	"slices"
	"strings"
)

// litterNames are files and folders that operating systems and file servers
// leave behind, in lower case.
var litterNames = []string{
	".ds_store", "thumbs.db", "desktop.ini", ".directory", "__macosx", ".appledouble", ".spotlight-v100",
	".trashes", ".fseventsd", "@eadir", "lost+found", "$recycle.bin", "system volume information",
}

// unfinishedSuffixes are suffixes of files that a program is still writing.
var unfinishedSuffixes = []string{".part", ".partial", ".crdownload", ".tmp", ".temp", ".!ut", ".swp"}

// isLitter reports whether the base name of a file or folder shows that its content is of no
// interest.
func isLitter(base string) bool {
	lower := strings.ToLower(base)
	return strings.HasPrefix(base, "._") || strings.HasSuffix(base, "~") || slices.Contains(litterNames, lower) ||
		slices.ContainsFunc(unfinishedSuffixes, func(suffix string) bool { return strings.HasSuffix(lower, suffix) })
}

// isLitterPath reports whether any part of a member's path is litter.
func isLitterPath(name string) bool {
	return slices.ContainsFunc(strings.Split(strings.ReplaceAll(name, `\`, "/"), "/"), isLitter)
}

// isTorrentName reports whether name is that of a torrent.
func isTorrentName(name string) bool {
	lower := strings.ToLower(path.Base(name))
	lower = strings.TrimSuffix(strings.TrimSuffix(lower, ".gz"), ".bz2")
	return strings.HasSuffix(lower, ".torrent")
}

// archiveSuffixes are suffixes of archives, including kinds that this package cannot read.
var archiveSuffixes = []string{
	".tar", ".tgz", ".tar.gz", ".tbz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tzst", ".tar.zst", ".zip",
	".taz", ".tar.z", ".tlz", ".tar.lz", ".tar.lzma", ".tar.lzo", ".7z", ".rar",
}

// isArchiveName reports whether name is that of an archive.
func isArchiveName(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc(archiveSuffixes, func(suffix string) bool { return strings.HasSuffix(lower, suffix) })
}
