package names

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"sync"
)

// maxDatagram is the size of the longest answer in a datagram, as DNS flag day 2020 recommends.
const maxDatagram = 1232

// maxAnswering is how many queries of one guest are looked up at once. Others wait in their
// sockets.
const maxAnswering = 32

// maxAsking is how many sockets of one guest may be connected to the nameserver at once: each has
// a goroutine. A goroutine that waits for its turn to look up outlives its socket.
const maxAsking = 256

// maxQuery is the longest query in a datagram, which need not be longer than 512 bytes
// (RFC 1035, section 4.2.1).
const maxQuery = 4096

// Full reports whether the guest has maxAsking sockets connected to the nameserver.
func (n *Names) Full() bool { return n.asking.Load() >= maxAsking }

// Serve answers the queries that arrive at end, one of a pair of sockets, until the other one is
// closed. It runs in the background, and does not close end.
func (n *Names) Serve(end *os.File, stream bool) {
	ctx, cancel := context.WithCancel(n.account.Ended)
	serve := n.serveDatagrams
	if stream {
		serve = n.serveStream
	}
	n.asking.Add(1)
	n.account.Go(func() {
		defer n.asking.Add(-1)
		defer cancel()
		serve(ctx, end)
	})
}

func (n *Names) serveDatagrams(ctx context.Context, f *os.File) {
	buf := make([]byte, maxQuery)
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		size, err := f.Read(buf)
		if err != nil {
			return
		}
		query := append([]byte(nil), buf[:size]...)
		if !n.begin(ctx) {
			return
		}
		answering.Go(func() {
			defer n.finish()
			if a := n.answerSafely(ctx, query, maxDatagram); a != nil {
				f.Write(a)
			}
		})
	}
}

// serveStream answers one query after the other. Each has its length in front, in two bytes.
func (n *Names) serveStream(ctx context.Context, f *os.File) {
	const longest = 1<<16 - 1
	var length [2]byte
	for {
		if _, err := io.ReadFull(f, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(f, query); err != nil || !n.begin(ctx) {
			return
		}
		a := n.answerSafely(ctx, query, longest)
		n.finish()
		if a == nil {
			return
		}
		if _, err := f.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

func (n *Names) begin(ctx context.Context) bool {
	select {
	case n.answering <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Names) finish() { <-n.answering }

// answerSafely calls answer, and returns nil if the embedder's policy or resolver panics. In a
// call of the guest, such a panic would end only the guest.
func (n *Names) answerSafely(ctx context.Context, query []byte, size int) (answer []byte) {
	defer func() {
		if recover() != nil {
			answer = nil
		}
	}()
	return n.answer(ctx, query, size)
}
