package torrenttest

import (
	"bytes"
	"crypto/sha1"
	"slices"
	"strconv"
)

// v1Info returns the v1 keys of the info dictionary.
func v1Info(name string, files []File) Dict {
	info := Dict{"name": name, "piece length": PieceLength, "pieces": pieces(files)}
	if len(files) == 1 && files[0].Path == "" {
		info["length"] = len(files[0].Data)
		return info
	}
	var list List
	for _, f := range files {
		entry := Dict{"length": len(f.Data), "path": split(f.Path)}
		if f.Attr != "" {
			entry["attr"] = f.Attr
		}
		list = append(list, entry)
	}
	info["files"] = list
	return info
}

// pieces returns the SHA-1 of every piece of the concatenated files (BEP 3).
func pieces(files []File) []byte {
	var all bytes.Buffer
	for _, f := range files {
		all.Write(f.Data)
	}
	var out []byte
	for piece := range slices.Chunk(all.Bytes(), PieceLength) {
		sum := sha1.Sum(piece)
		out = append(out, sum[:]...)
	}
	return out
}

// padded returns files with a pad file (BEP 47) after each file, except the last, that does not
// end at a piece boundary.
func padded(files []File) []File {
	var out []File
	for i, f := range files {
		out = append(out, f)
		short := -len(f.Data) & (PieceLength - 1)
		if i < len(files)-1 && short > 0 {
			out = append(out, File{Path: ".pad/" + strconv.Itoa(short), Data: make([]byte, short), Attr: "p"})
		}
	}
	return out
}
