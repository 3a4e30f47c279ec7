package user

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/metainfo"
)

// infoText returns a description for people.
func infoText(d *torrentcachev1.DescribeTorrentResponse) string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-14s %s\n", label, progress.Printable(value))
		}
	}
	line("name", d.GetName())
	line("info hash v1", d.GetInfoHashV1())
	line("info hash v2", d.GetInfoHashV2())
	line("content", fmt.Sprintf("%s, %s, %s of %s", progress.ExactBytes(d.GetContentSizeBytes()), progress.Count(d.GetFileCount(), "file"),
		progress.Count(d.GetPieceCount(), "piece"), progress.ExactBytes(d.GetPieceLengthBytes())))
	line("private", map[bool]string{true: "yes"}[d.GetPrivate()])
	line("source", d.GetSource())
	line("piece layers", map[bool]string{true: "missing from the file"}[d.GetMissingPieceLayers()])
	for i, tier := range d.GetTrackerTiers() {
		line(fmt.Sprintf("trackers %d", i+1), strings.Join(tier.GetUrls(), " "))
	}
	line("web seeds", strings.Join(append(d.GetWebSeeds(), d.GetHttpSeeds()...), " "))
	line("nodes", nodeList(d.GetNodes()))
	if d.GetCreationTime() != nil {
		line("created", d.GetCreationTime().AsTime().UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	line("created by", d.GetCreatedBy())
	line("comment", d.GetComment())
	line("torrent file", progress.ExactBytes(d.GetTorrentSizeBytes()))
	if d.GetUpdateTime() != nil {
		line("cached", d.GetUpdateTime().AsTime().UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if d.GetLastReadTime() != nil {
		line("last read", d.GetLastReadTime().AsTime().UTC().Format(time.DateOnly))
	}
	line("magnet", d.GetMagnetLink())
	line("cut", map[bool]string{true: "this description is shortened: long texts end with " + metainfo.CutMark + ", long lists early"}[d.GetTruncated()])
	addFiles(&b, d)
	return b.String()
}

// addFiles appends the list of files, without padding files.
func addFiles(b *strings.Builder, d *torrentcachev1.DescribeTorrentResponse) {
	b.WriteString("\n")
	for _, file := range d.GetFiles() {
		if file.GetPad() {
			continue
		}
		path := progress.Printable(strings.Join(file.GetPathSegments(), "/"))
		if target := file.GetSymlinkPathSegments(); len(target) > 0 {
			path += " -> " + progress.Printable(strings.Join(target, "/"))
		}
		fmt.Fprintf(b, "%19s  %s\n", progress.Number(file.GetSizeBytes()), path)
	}
	if more := d.GetFileCount() - int64(len(d.GetFiles())); more > 0 {
		fmt.Fprintf(b, "%19s  and %s more files (--files)\n", "", progress.Number(more))
	}
}

func nodeList(nodes []*torrentcachev1.DhtNode) string {
	var list []string
	for _, node := range nodes {
		list = append(list, net.JoinHostPort(node.GetHost(), strconv.Itoa(int(node.GetPort()))))
	}
	return strings.Join(list, " ")
}
