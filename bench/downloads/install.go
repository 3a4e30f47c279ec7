package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// prerequisites installs missing Debian packages, and says so.
func prerequisites() error {
	if runtime.GOOS != "linux" || runtime.NumCPU() < 2 {
		return fmt.Errorf("this needs Linux and two cores")
	}
	packages := map[string]string{"nginx": "nginx-light", "wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux"}
	for tool, pkg := range packages {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s is missing: apt-get install %s\n", tool, pkg)
		install := exec.Command("apt-get", "install", "--yes", "--no-install-recommends", pkg)
		install.Stdout, install.Stderr = os.Stderr, os.Stderr
		if err := install.Run(); err != nil {
			return fmt.Errorf("apt-get install %s, which has %s: %w", pkg, tool, err)
		}
	}
	return nil
}
