// Command upstreams measures how much silent upstreams slow down downloads of cached torrents. It
// measures the same downloads from one server in interleaved rounds: without other load, and
// while many readers wait for torrents that the server's upstreams never send. It prints a
// Markdown table:
//
//	go run ./bench/upstreams
//
// It needs Linux and two cores: the server runs on one of them.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

type options struct {
	rounds, readers, clients int
	time                     time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each")
	flag.DurationVar(&o.time, "time", 3*time.Second, "length of a round")
	flag.IntVar(&o.readers, "readers", 500, "readers that wait for what is missing")
	flag.IntVar(&o.clients, "clients", 16, "connections that download what is here")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "upstreams:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "upstreams")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and answers nothing
	if err != nil {
		return err
	}
	defer silent.Close()
	server, address, err := start(dir, silent.Addr().String())
	if err != nil {
		return err
	}
	defer server.Stop()
	url, err := upload(address)
	if err != nil {
		return err
	}
	targets := []side.Target{
		{Name: "nobody misses anything", Process: server, Run: func() (side.Load, error) { return o.download(url) }},
		{Name: fmt.Sprintf("%d readers wait for silent upstreams", o.readers), Process: server, Run: func() (side.Load, error) {
			defer o.miss(address)()
			return o.download(url)
		}},
	}
	figures, err := side.Rounds(o.rounds, targets)
	if err != nil {
		return err
	}
	rows := [][]string{{"while", "downloads a second", "ratio", "99 of 100 took at most", "processor time of the server for one"}}
	for i, f := range figures {
		rows = append(rows, []string{targets[i].Name, fmt.Sprintf("%.0f", f.PerSecond), fmt.Sprintf("%.2f", f.PerSecond/figures[0].PerSecond),
			f.P99.Round(time.Microsecond).String(), f.CPU.Round(time.Microsecond).String()})
	}
	fmt.Printf("%s\n\n%s", side.Machine(), side.Table(rows))
	return nil
}

// start builds and starts a server with that upstream, and returns the server's address.
func start(dir, upstream string) (*side.Process, string, error) {
	binary := filepath.Join(dir, "torrentcache")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "github.com/torrentcache/torrentcache/cmd/torrentcache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("go build: %w: %s", err, out)
	}
	address, err := side.FreeAddress()
	if err != nil {
		return nil, "", err
	}
	server, err := side.Start("0", filepath.Join(dir, "log"), binary, "serve", "--http-addr", address, "--grpc-addr", "off", "--admin-addr", "off",
		"--data-dir", filepath.Join(dir, "data"), "--connections-per-address", "0", "--upstream", "http://"+upstream+"/{HASH}")
	if err != nil {
		return nil, "", err
	}
	return server, address, side.Await(address)
}

// upload puts a torrent of a usual size into the server, and returns its download URL.
func upload(address string) (string, error) {
	resp, err := http.Post("http://"+address+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(torrenttest.Random(1, 20_000)))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("the upload is answered with %s", resp.Status)
	}
	hash := filepath.Base(resp.Header.Get("Location"))
	return "http://" + address + "/torrent/" + hash + ".torrent", nil
}

// download downloads url repeatedly from all clients.
func (o options) download(url string) (side.Load, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.clients}}
	defer client.CloseIdleConnections()
	each, failed := make([][]time.Duration, o.clients), make([]error, o.clients)
	begun := time.Now()
	var all sync.WaitGroup
	for i := range o.clients {
		all.Go(func() {
			for time.Since(begun) < o.time && failed[i] == nil {
				asked := time.Now()
				failed[i] = get(context.Background(), client, url, http.StatusOK)
				each[i] = append(each[i], time.Since(asked))
			}
		})
	}
	all.Wait()
	took := slices.Concat(each...)
	slices.Sort(took)
	return side.Load{Requests: len(took), Took: time.Since(begun), P99: took[len(took)*99/100]}, errors.Join(failed...)
}

// get gets url once.
func get(ctx context.Context, client *http.Client, url string, want int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s is answered with %s", url, resp.Status)
	}
	return nil
}

// miss makes readers ask for torrents that no server has, until end is called. Each reader waits
// a second between an answer and its next request.
func (o options) miss(address string) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.readers}}
	var all sync.WaitGroup
	for range o.readers {
		all.Go(func() {
			for ctx.Err() == nil {
				_ = get(ctx, client, fmt.Sprintf("http://%s/torrent/%020X%020X.torrent", address, rand.Uint64(), rand.Uint64()), http.StatusNotFound)
				wait.For(ctx, time.Second)
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
		client.CloseIdleConnections()
	}
}
