package source

import "bytes"

// unfamiliarMember yields a member of an archive, whose name says nothing, if its content
// begins as that of a torrent, perhaps after decompression.
func (w *walk) unfamiliarMember(file File, content []byte) {
	holds, err := detect(bytes.NewReader(content))
	switch {
	case err != nil || holds == other:
		w.Skipped(file.Name)
	case holds == torrent:
		w.emit(file)
	default:
		w.Problem(file.Name, errNested)
	}
}
