package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// bom writes the bill of materials of a binary in CycloneDX: the modules that the binary itself
// lists. Name is the name of the file without its extension.
func (r *release) bom(ctx context.Context, binary, name string) error {
	text, err := run(ctx, r.root, nil, "go", "tool", "-modfile=tools/go.mod", "cyclonedx-gomod",
		"bin", "-json", "-std", "-noserial", "-version", r.version, binary)
	if err != nil {
		return err
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	about, ok := document["metadata"].(map[string]any)
	if !ok {
		return errors.New("the bill of materials has no metadata")
	}
	about["timestamp"] = r.date.Format(time.RFC3339)
	if text, err = json.MarshalIndent(document, "", " "); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, name+".cdx.json"), append(text, '\n'), 0o644)
}

// sums writes SHA256SUMS in the format of sha256sum.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.out, "SHA256SUMS"), func(w io.Writer) error {
		b := bufio.NewWriter(w)
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "%x  %s\n", sha256.Sum256(data), e.Name())
		}
		return b.Flush()
	})
}
