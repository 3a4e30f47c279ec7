package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// addFiles appends the list of files, which are not padding.
func addFiles(b *strings.Builder, d *torrentcachev1.DescribeTorrentResponse) {
	b.WriteString("\n")
	for _, file := range d.GetFiles() {
		if file.GetPad() {
			continue
		}
		path := printable(strings.Join(file.GetPathSegments(), "/"))
		if target := file.GetSymlinkPathSegments(); len(target) > 0 {
			path += " -> " + printable(strings.Join(target, "/"))
		}
		fmt.Fprintf(b, "%19s  %s\n", progress.Number(file.GetSizeBytes()), path)
	}
	if more := d.GetFileCount() - int64(len(d.GetFiles())); more > 0 {
		fmt.Fprintf(b, "%19s  and %s more files (--files)\n", "", progress.Number(more))
	}
}

// exactBytes gives a size in bytes, and in a unit where that says more.
func exactBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%s (%s bytes)", progress.Bytes(n), progress.Number(n))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

func nodeList(nodes []*torrentcachev1.DhtNode) string {
	var list []string
	for _, node := range nodes {
		list = append(list, net.JoinHostPort(node.GetHost(), strconv.Itoa(int(node.GetPort()))))
	}
	return strings.Join(list, " ")
}
