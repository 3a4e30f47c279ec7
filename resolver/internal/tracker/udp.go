package tracker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Numbers of BEP 15.
const (
	protocolID = 0x41727101980

	actConnect  = 0
	actAnnounce = 1
	actError    = 3

	connectReply  = 16 // bytes
	announceReply = 20 // bytes, before the peers
)

const (
	// maxPacket is how many bytes of a packet are read, enough for over 200 IPv6 peers.
	maxPacket = 4 << 10

	// maxPackets is how many packets are read while waiting for one answer.
	maxPackets = 64

	// resend is the time after which a request is sent once more.
	resend = 3 * time.Second
)

var errUDP = errors.New("the answer is not that of a UDP tracker")

// byUDP asks the UDP tracker at host (BEP 15).
func (c *Client) byUDP(ctx context.Context, host string, swarm infohash.ID, e event) ([]netip.AddrPort, error) {
	conn, err := c.dialer.DialContext(ctx, "udp", host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	hello := binary.BigEndian.AppendUint64(nil, protocolID)
	answer, err := exchange(ctx, conn, hello, actConnect)
	if err != nil {
		return nil, err
	}
	if len(answer) < connectReply {
		return nil, errUDP
	}
	connection := append([]byte(nil), answer[8:connectReply]...)
	answer, err = exchange(ctx, conn, connection, actAnnounce, c.announcement(swarm, e)...)
	if err != nil {
		return nil, err
	}
	size := 4
	if at, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil && at.Addr().Unmap().Is6() {
		size = 16
	}
	return parseAnnounced(answer, size)
}

// announcement returns the body of an announce request, after its header.
func (c *Client) announcement(swarm infohash.ID, e event) []byte {
	b := swarm.AppendTo(nil)
	b = append(b, c.self.id...)
	b = binary.BigEndian.AppendUint64(b, 0) // downloaded
	b = binary.BigEndian.AppendUint64(b, 1) // left
	b = binary.BigEndian.AppendUint64(b, 0) // uploaded
	b = binary.BigEndian.AppendUint32(b, uint32(e))
	b = binary.BigEndian.AppendUint32(b, 0) // the address is that of the packet
	b = binary.BigEndian.AppendUint32(b, c.self.key)
	b = binary.BigEndian.AppendUint32(b, numWant)
	return binary.BigEndian.AppendUint16(b, port)
}

// exchange sends a request that begins with head, and returns the answer. It resends the request
// once if none arrives.
func exchange(ctx context.Context, conn net.Conn, head []byte, action uint32, body ...byte) ([]byte, error) {
	var transaction [4]byte
	_, _ = rand.Read(transaction[:]) // it never fails
	packet := binary.BigEndian.AppendUint32(append([]byte(nil), head...), action)
	packet = append(append(packet, transaction[:]...), body...)
	for {
		if _, err := conn.Write(packet); err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(resend)); err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		answer, err := receive(conn, transaction, action)
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			return answer, errors.Join(ctx.Err(), err)
		}
	}
}

// receive returns the answer to the request with that transaction id.
func receive(conn net.Conn, transaction [4]byte, action uint32) ([]byte, error) {
	b := make([]byte, maxPacket)
	for range maxPackets {
		n, err := conn.Read(b)
		if err != nil {
			return nil, err
		}
		answer := b[:n]
		if n < 8 || [4]byte(answer[4:8]) != transaction {
			continue // the answer to an earlier copy of the request, or a stray packet
		}
		switch binary.BigEndian.Uint32(answer) {
		case action:
			return answer, nil
		case actError:
			return nil, fmt.Errorf("the tracker refuses: %.80q", answer[8:])
		}
		return nil, errUDP
	}
	return nil, errUDP
}

// parseAnnounced reads the answer to an announce; size is the length of a peer's address in
// bytes.
func parseAnnounced(answer []byte, size int) ([]netip.AddrPort, error) {
	if len(answer) < announceReply {
		return nil, errUDP
	}
	return appendCompact(nil, answer[announceReply:], size), nil
}
