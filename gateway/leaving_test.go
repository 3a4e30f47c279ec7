package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// aLot is longer than a client's leaving takes to be noticed, and shorter than the time
// that every call has.
const aLot = 30 * time.Second

// reads are requests that change nothing.
var reads = map[string]string{
	"info":         "GET /v1/torrents/" + knownHash + "/info HTTP/1.1\r\nHost: x\r\n\r\n",
	"JSON":         "GET /v1/torrents/" + knownHash + " HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n",
	"find missing": "POST /v1/torrents:findMissing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"look-up":      "GET /info/" + knownHash + " HTTP/1.1\r\nHost: x\r\n\r\n",
	"download":     "GET /torrent/" + knownHash + ".torrent HTTP/1.1\r\nHost: x\r\n\r\n",
}

func TestReadsEndWhenTheirClientLeaves(t *testing.T) {
	for name, request := range reads {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			hang := make(chan error, 2)
			d.cache.hang = hang
			conn, err := net.Dial("tcp", d.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprint(conn, request); err != nil {
				t.Fatal(err)
			}
			<-hang // the call has begun
			conn.Close()
			select {
			case err := <-hang:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the call ends with %v", err)
				}
			case <-time.After(aLot):
				t.Error("the call goes on")
			}
		})
	}
}

// A client that closes its sending side only is answered.
func TestReadsOfClientsThatSendNoMore(t *testing.T) {
	for name, request := range reads {
		t.Run(name, func(t *testing.T) {
			if got := newDoor(t).raw(request); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
				t.Errorf("%.200q", got)
			}
		})
	}
}
