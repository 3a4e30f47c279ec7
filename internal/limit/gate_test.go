package limit

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// While memory may be short a gated connection is not read from, until it is said
// how things are.
func TestGate(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := New(Settings{})
	var short atomic.Bool
	short.Store(true)
	notes := l.Watch(short.Load)
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Gated(l.Listener(inner)).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const much = 3 * noteEach
	go func() { _, _ = client.Write(make([]byte, much)) }()
	read := make(chan error)
	var got atomic.Int64
	go func() {
		_, err := io.CopyN(countingWriter{&got}, c, much)
		read <- err
	}()
	<-notes
	if n := got.Load(); n >= 2*noteEach {
		t.Errorf("%d bytes are read while memory may be short", n)
	}
	arrival := l.Arriving(OnCall, func() {})
	l.Press(true)
	if l.gate.held.Load() == nil {
		t.Error("reading goes on while memory is short and something arrives")
	}
	arrival.Done()
	short.Store(false)
	l.Press(false)
	if err := <-read; err != nil {
		t.Error(err)
	}
}

type countingWriter struct{ n *atomic.Int64 }

func (w countingWriter) Write(p []byte) (int, error) {
	w.n.Add(int64(len(p)))
	return len(p), nil
}
