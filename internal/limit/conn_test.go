package limit

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"
)

// fakeConn is a connection with an address of its own that takes all that is written.
type fakeConn struct {
	net.Conn
	addr   netip.Addr
	closed int
	wrote  func(n int) error // nil: all is well
}

func (c *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.addr, 1))
}
func (c *fakeConn) Close() error { c.closed++; return nil }
func (c *fakeConn) Write(p []byte) (int, error) {
	if c.wrote == nil {
		return len(p), nil
	}
	return len(p), c.wrote(len(p))
}

// connect returns a connection of c's as the listener gives it, the connection inside,
// and the Conn by which the limits know it.
func connect(t *testing.T, l *Limits, c Caller, bytes int64) (net.Conn, *fakeConn, *Conn) {
	t.Helper()
	inner := &fakeConn{addr: c.Addr}
	outer := l.connection(inner, bytes)
	if outer == nil {
		return nil, inner, nil
	}
	return outer, inner, ConnOf(outer.RemoteAddr())
}

func TestConnectionsTakeMemory(t *testing.T) {
	l := budgetOf(t)
	var open []net.Conn
	for range 2 {
		c, _, _ := connect(t, l, someone, 25)
		open = append(open, c)
	}
	if c, _, _ := connect(t, l, someone, 25); c != nil {
		t.Error("one address has more than half of what connections may take")
	}
	if got := l.Stats(); got.Connections != 2 || got.MemoryBytes != 50 || got.Refused["connections"] != 1 {
		t.Errorf("%+v", got)
	}
	for _, c := range open {
		_, _ = c.Close(), c.Close() // a second time counts nothing
	}
	if got := l.Stats().Connections; got != 0 {
		t.Errorf("%d connections are left", got)
	}
	wantIdle(t, l)
}

func TestConnOfComesThroughTLS(t *testing.T) {
	l := budgetOf(t)
	c, _, known := connect(t, l, someone, 10)
	if known == nil || ConnOf(tls.Server(c, nil).RemoteAddr()) != known {
		t.Error("TLS hides the connection")
	}
	if got := c.RemoteAddr().String(); got != "203.0.113.9:1" {
		t.Errorf("the address is %s", got)
	}
	if ConnOf(&net.TCPAddr{}) != nil || ConnOf(nil) != nil {
		t.Error("an address that nobody counts has a connection")
	}
	if h := known.Reservation(); h.block != someone.block() || h.use != Answering || h.conn != known {
		t.Errorf("%+v", h)
	}
}

func TestSentCountsWhatTheSystemTook(t *testing.T) {
	c, _, known := connect(t, budgetOf(t), someone, 10)
	n, err := c.Write(make([]byte, 100))
	known.Sent(20)
	if got := known.sent.Load(); n != 100 || err != nil || got != 120 {
		t.Errorf("%d bytes were sent, want 120", got)
	}
}

// A client that takes a large answer slowly is seen to take it.
func TestSentCountsWhileAWriteTakesLong(t *testing.T) {
	c, inner, known := connect(t, budgetOf(t), someone, 10)
	total := int64(0)
	inner.wrote = func(n int) error {
		if got := known.sent.Load(); got != total || n > noted {
			t.Errorf("%d bytes are noted of %d, now %d more", got, total, n)
		}
		total += int64(n)
		return nil
	}
	if n, err := c.Write(make([]byte, 10*noted+1)); n != 10*noted+1 || err != nil || total != 10*noted+1 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := c.Write(nil); n != 0 || err != nil {
		t.Errorf("%d bytes of none, %v", n, err)
	}
	inner.wrote = func(int) error { return net.ErrClosed }
	if n, err := c.Write(make([]byte, 10*noted)); n != noted || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A connection that is cut ends at once for both sides, even if bytes of it wait in the system.
func TestCutEndsATCPConnection(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := budgetOf(t)
	outer := l.Listener(inner, 10)
	defer outer.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := outer.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	ConnOf(server.RemoteAddr()).cut()
	if n, err := io.Copy(io.Discard, client); err == nil && n == 1000 {
		t.Error("the client hears of it as of an ordinary end")
	}
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Error("the server does not hear of it")
	}
	_ = server.Close()
	wantIdle(t, l)
}

// lend returns a reservation of 100 bytes whose answer the transport has, and a
// function that ends that.
func lend(t *testing.T, known *Conn) (*Reservation, func()) {
	t.Helper()
	h := known.Reservation()
	if !h.Try(60) || !h.Share(NewShared(40)) {
		t.Fatal("there is no room")
	}
	return h, h.Lend()
}

func TestWhatIsLentIsGivenBackOnce(t *testing.T) {
	l := budgetOf(t)
	c, _, known := connect(t, l, someone, 10)
	_, letGo := lend(t, known)
	if got := l.Stats().MemoryBytes; got != 110 {
		t.Errorf("%d bytes while the transport has the answer, want 110", got)
	}
	letGo()
	letGo()
	if got := l.Stats().MemoryBytes; got != 10 || len(known.lent) != 0 {
		t.Errorf("%d bytes when it has let go, %d are lent", got, len(known.lent))
	}
	_, late := lend(t, known)
	_, _ = lend(t, known) // nobody ever lets go of this
	_ = c.Close()
	wantIdle(t, l)
	late()
	_, after := lend(t, known)
	wantIdle(t, l)
	after()
	wantIdle(t, l)
}

// A reservation of a call whose connection is not known has only the call to give it back.
func TestLendWithoutAConnection(t *testing.T) {
	l := budgetOf(t)
	h := l.Reservation(someone, Answering, nil)
	h.Try(10)
	letGo := h.Lend()
	if l.Stats().MemoryBytes != 10 {
		t.Error("it is given back at once")
	}
	letGo()
	wantIdle(t, l)
}
