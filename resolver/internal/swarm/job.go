package swarm

import (
	"crypto/sha1"
	"crypto/sha256"
	"net/url"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
)

// maxNamed is how many peers of a magnet link are used.
const maxNamed = 10

// Job is a torrent to look for.
type Job struct {
	// IDs has the torrent's info hashes. A 20-byte id of unknown version is in V1, whether it is
	// a v1 hash or a truncated v2 hash.
	IDs infohash.Set
	// Trackers are asked for peers and become the torrent's trackers. [wanted.Trackers] must keep
	// each of them.
	Trackers []string
	// Peers are addresses (HOST:PORT) of peers that may have the torrent.
	Peers []string
}

// ParseJob reads an info hash, a magnet link, or any other text that [infohash.ParsePasted]
// accepts. From a magnet link it also takes the trackers (tr) and the peers (x.pe).
func ParseJob(text string) (Job, error) {
	ids, err := infohash.ParsePasted(text)
	if err != nil {
		return Job{}, err
	}
	job := Job{IDs: ids, Trackers: wanted.OfMagnet(text)}
	if _, query, ok := strings.Cut(text, "?"); ok {
		values, _ := url.ParseQuery(strings.ReplaceAll(query, "&amp;", "&"))
		peers := values["x.pe"]
		job.Peers = peers[:min(len(peers), maxNamed)]
	}
	return job, nil
}

// swarms returns the 20-byte ids by which trackers, nodes and peers know the torrent.
func (j *Job) swarms() []infohash.ID {
	var all []infohash.ID
	if !j.IDs.V1.IsZero() {
		all = append(all, j.IDs.V1)
	}
	if !j.IDs.V2.IsZero() {
		all = append(all, j.IDs.V2.Short())
	}
	return all
}

// isOf reports whether the hash of info matches every id of the job. It hashes all bytes of info,
// because bytes after the dictionary would become part of the torrent.
func (j *Job) isOf(info []byte) bool {
	v1, v2 := infohash.V1(sha1.Sum(info)), infohash.V2(sha256.Sum256(info))
	rightV1 := j.IDs.V1.IsZero() || j.IDs.V1 == v1 || j.IDs.V2.IsZero() && j.IDs.V1 == v2.Short()
	rightV2 := j.IDs.V2.IsZero() || j.IDs.V2 == v2
	return rightV1 && rightV2
}

// torrent returns a .torrent file with the job's trackers and the info dictionary.
func (j *Job) torrent(info []byte) []byte {
	b := []byte("d")
	if len(j.Trackers) > 0 {
		b = bencode.AppendString(bencode.AppendString(b, "announce"), j.Trackers[0])
	}
	if len(j.Trackers) > 1 {
		b = append(bencode.AppendString(b, "announce-list"), 'l')
		for _, address := range j.Trackers {
			b = append(bencode.AppendString(append(b, 'l'), address), 'e')
		}
		b = append(b, 'e')
	}
	b = append(bencode.AppendString(b, "info"), info...)
	return append(b, 'e')
}
