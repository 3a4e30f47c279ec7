package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// curlSpeed sends the files to autoupload.php, 16 at a time.
func (b *bench) curlSpeed(paths []string, send func(url string, paths []string) *exec.Cmd) (speed float64, err error) {
	err = b.withServer(func(s *server) error {
		cmd := send("http://"+s.http+"/autoupload.php", paths)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("curl: %w: %s", err, log.String())
		}
		speed = float64(len(paths)) / time.Since(begin).Seconds()
		// Each answer is an info hash on a line.
		if lines := strings.Count(out.String(), "\n"); lines != len(paths) || strings.Contains(out.String(), "Error") {
			return fmt.Errorf("curl: %d answers to %d uploads", lines, len(paths))
		}
		return nil
	})
	return speed, err
}

// curlOnce returns a command that runs one curl for all files.
func curlOnce(url string, paths []string) *exec.Cmd {
	var config strings.Builder
	for i, path := range paths {
		if i > 0 {
			config.WriteString("next\n")
		}
		fmt.Fprintf(&config, "silent\nurl = %q\nform = \"torrent=@%s\"\n", url, path)
	}
	cmd := exec.Command("curl", "-Z", "--parallel-max", "16", "--config", "-")
	cmd.Stdin = strings.NewReader(config.String())
	return cmd
}

// curlEach returns a command that runs one curl for each file, as scripts do.
func curlEach(url string, paths []string) *exec.Cmd {
	cmd := exec.Command("xargs", "-P", "16", "-I", "{}", "curl", "-s", "-F", "torrent=@{}", url)
	cmd.Stdin = strings.NewReader(strings.Join(paths, "\n"))
	cmd.Env = os.Environ()
	return cmd
}
