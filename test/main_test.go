//go:build e2e

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	if err := findNodeModules(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// findNodeModules makes node find the modules that test/install-prerequisites installed.
func findNodeModules() error {
	modules, err := filepath.Abs("../.tools/node/node_modules")
	if err != nil {
		return err
	}
	return os.Setenv("NODE_PATH", modules)
}
