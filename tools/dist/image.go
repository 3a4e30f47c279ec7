package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is the user id and group id that the program runs with in the image. No other user has it.
const user = 65532

// image makes the OCI image of a platform. It has no base image: it contains the program,
// certificate authorities, time zones, a user and the folder of the torrents. The file is an OCI
// layout that `docker load` of any version can read, too.
func (r *release) image(ctx context.Context, p platform) error {
	root, err := r.rootFS(ctx, p)
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(root)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return err
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{
		Created: v1.Time{Time: r.date}, CreatedBy: "torrentcache's make dist",
	}})
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	if img, err = mutate.ConfigFile(img, r.imageConfig(config, p)); err != nil {
		return err
	}
	img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.OCIConfigJSON)
	return writeFile(filepath.Join(r.out, r.name(p)+"-image.tar"), func(w io.Writer) error {
		return r.writeImage(w, img)
	})
}

// imageConfig returns config, which already lists the layers, with the other settings of the
// image.
func (r *release) imageConfig(config *v1.ConfigFile, p platform) *v1.ConfigFile {
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: r.date}
	config.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", user, user),
		Entrypoint: []string{"/torrentcache"},
		Cmd:        []string{"serve"},
		// The folder is set by the store and not by TORRENTCACHE_DATA_DIR, because stats, verify
		// and other commands would take that for the folder of a server that does not run.
		Env: []string{
			"TORRENTCACHE_STORE=disk:/data",
			"TORRENTCACHE_HTTP_ADDR=:8080",
			"TORRENTCACHE_GRPC_ADDR=:9090",
		},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}},
		Volumes:      map[string]struct{}{"/data": {}},
		WorkingDir:   "/data",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "torrentcache",
			"org.opencontainers.image.description": "Stores .torrent files and hands them out by info hash",
			"org.opencontainers.image.source":      "https://github.com/torrentcache/torrentcache",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     r.version,
			"org.opencontainers.image.revision":    r.revision,
			"org.opencontainers.image.created":     r.date.Format(time.RFC3339),
		},
	}
	return config
}

// Names in the archive that writeImage writes.
const (
	layoutFile = "oci-layout"
	refName    = "org.opencontainers.image.ref.name"
)

// writeImage writes img as a tar archive: an OCI layout, and the manifest.json of Docker's own
// format, which names the same blobs.
func (r *release) writeImage(w io.Writer, img v1.Image) error {
	manifest, err := img.Manifest()
	if err != nil {
		return err
	}
	text, err := img.RawManifest()
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	tag := strings.ReplaceAll(r.version, "+", "-") // a tag cannot contain +
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{{
		MediaType: types.OCIManifestSchema1, Size: int64(len(text)), Digest: digest, Annotations: map[string]string{refName: tag},
	}}})
	if err != nil {
		return err
	}
	layer := manifest.Layers[0].Digest
	docker, err := json.Marshal([]map[string]any{{
		"Config": blob(manifest.Config.Digest), "RepoTags": []string{"torrentcache:" + tag}, "Layers": []string{blob(layer)},
	}})
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	data, err := compressed(img)
	if err != nil {
		return err
	}
	t := layerWriter{tar.NewWriter(w), r.date}
	t.file(layoutFile, []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	t.file("index.json", index, 0o644)
	t.file("manifest.json", docker, 0o644)
	t.folder("blobs", 0o755, 0)
	t.folder("blobs/sha256", 0o755, 0)
	t.file(blob(digest), text, 0o644)
	t.file(blob(manifest.Config.Digest), config, 0o644)
	t.file(blob(layer), data, 0o644)
	return t.Close()
}

func blob(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// compressed returns the image's only layer in its stored form.
func compressed(img v1.Image) ([]byte, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	r, err := layers[0].Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
