package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// getJSON requests the sample as JSON again and again.
func getJSON(j job) (int, error) {
	resp, err := http.Post("http://"+j.addr+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(j.sample.bytes))
	if err != nil {
		return 0, err
	}
	resp.Body.Close() // plain grpc-gateway accepts no torrent and needs none
	request := []byte("GET /v1/torrents/" + j.sample.hash + " HTTP/1.1\r\nHost: " + j.addr + "\r\n\r\n")
	return repeat(j, func(int) (func(uint64) error, error) {
		c, err := newHTTPClient(j.addr)
		return func(uint64) error {
			size, err := c.do(request)
			if err == nil && size < len(j.sample.bytes)*4/3 {
				err = fmt.Errorf("an answer of %d bytes", size)
			}
			return err
		}, err
	})
}

// uploadForms uploads new torrents by the legacy form, as curl -F would.
func uploadForms(j job) (int, error) {
	return repeat(j, func(int) (func(uint64) error, error) {
		c, err := newHTTPClient(j.addr)
		head := "--limit\r\nContent-Disposition: form-data; name=\"torrent\"; filename=\"a.torrent\"\r\nContent-Type: application/octet-stream\r\n\r\n"
		tail := "\r\n--limit--\r\n"
		request := []byte("POST /autoupload.php HTTP/1.1\r\nHost: " + j.addr + "\r\nContent-Type: multipart/form-data; boundary=limit\r\nContent-Length: " +
			strconv.Itoa(len(head)+len(j.sample.bytes)+len(tail)) + "\r\n\r\n" + head + string(j.sample.bytes) + tail)
		torrent := request[len(request)-len(tail)-len(j.sample.bytes) : len(request)-len(tail)]
		return func(n uint64) error {
			j.sample.number(torrent, n)
			size, err := c.do(request)
			if err == nil && size != 41 { // an info hash and a line feed
				err = fmt.Errorf("an answer of %d bytes", size)
			}
			return err
		}, err
	})
}

// httpClient is one connection with a client that costs little CPU time.
type httpClient struct {
	conn net.Conn
	r    *bufio.Reader
}

func newHTTPClient(addr string) (*httpClient, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &httpClient{conn: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

// do sends request and returns the size of the answer's body. A status other than 200 is an
// error.
func (c *httpClient) do(request []byte) (int, error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", resp.Status)
	}
	return int(n), err
}
