package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// serveRaw measures the bare disk. A client sends the number of writers and the time to write,
// and gets the number of torrents that became durable. One write appends all waiting torrents to
// a file, and one fdatasync makes them durable. No store can do it faster.
func serveRaw(args []string) error {
	s, err := plainSample(args[1])
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(args[2], "raw"))
	if err != nil {
		return err
	}
	l, err := listen(args[0])
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		var writers int
		var length time.Duration
		if _, err := fmt.Fscan(c, &writers, (*int64)(&length)); err == nil {
			n, err := appendAndSync(file, s.bytes, writers, length)
			if err != nil {
				return err
			}
			fmt.Fprintln(c, n)
		}
		c.Close()
	}
}

func plainSample(size string) (sample, error) {
	n, err := strconv.Atoi(size)
	if err != nil {
		return sample{}, err
	}
	return newSample(n)
}

// appendAndSync runs writers that repeatedly wait for torrent to be durable, and returns how
// often it was.
func appendAndSync(file *os.File, torrent []byte, writers int, length time.Duration) (int, error) {
	put := make(chan chan struct{}, writers)
	for range writers {
		go func() {
			for done := make(chan struct{}); ; <-done {
				put <- done
			}
		}()
	}
	n := 0
	var batch []byte
	var waiting []chan struct{}
	for end := time.Now().Add(length); time.Now().Before(end); {
		batch, waiting = append(batch[:0], torrent...), append(waiting[:0], <-put)
		for more := true; more; {
			select {
			case done := <-put:
				batch, waiting = append(batch, torrent...), append(waiting, done)
			default:
				more = false
			}
		}
		if _, err := file.Write(batch); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, err
		}
		for _, done := range waiting {
			done <- struct{}{}
		}
		n += len(waiting)
	}
	return n, nil
}

// loadRaw asks serveRaw to measure.
func loadRaw(j job) (int, error) {
	c, err := net.Dial("tcp", j.addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	fmt.Fprintln(c, j.clients, int64(j.length))
	var n int
	_, err = fmt.Fscan(c, &n)
	return n, err
}
