// Package connect uses connectrpc.com/connect over HTTP/2 with TLS: its own protocol,
// and that of gRPC.
package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

type value = wrapperspb.BytesValue

func TestServer(t *testing.T) {
	l := given.Listen(t)
	mux := http.NewServeMux()
	mux.Handle("/test/Echo", connect.NewUnaryHandler("/test/Echo", func(_ context.Context, r *connect.Request[value]) (*connect.Response[value], error) {
		if len(r.Msg.Value) == 0 {
			return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("nothing to echo"))
		}
		return connect.NewResponse(r.Msg), nil
	}))
	mux.Handle("/test/Stream", connect.NewBidiStreamHandler("/test/Stream", func(_ context.Context, s *connect.BidiStream[value, value]) error {
		for {
			m, err := s.Receive()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := s.Send(m); err != nil {
				return err
			}
		}
	}))
	mux.Handle("/test/Sleep", connect.NewUnaryHandler("/test/Sleep", func(ctx context.Context, r *connect.Request[durationpb.Duration]) (*connect.Response[emptypb.Empty], error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(r.Msg.AsDuration()):
			return connect.NewResponse(&emptypb.Empty{}), nil
		}
	}))
	s := http.Server{Handler: mux, TLSConfig: given.ServerTLS(t)}
	given.Serving(l.Addr())
	t.Fatal(s.ServeTLS(l, "", ""))
}

func TestClient(t *testing.T) {
	transport := &http.Transport{TLSClientConfig: given.ClientTLS(t), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	c, base := &http.Client{Transport: transport}, "https://"+given.Peer(t, 0)
	for name, options := range map[string][]connect.ClientOption{"connect": nil, "grpc": {connect.WithGRPC()}} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			echo := connect.NewClient[value, value](c, base+"/test/Echo", options...)
			// The first call makes the connection that the others share: README.md has
			// what sixteen handshakes at once meet in an interpreter.
			if _, err := echo.CallUnary(ctx, connect.NewRequest(&value{Value: []byte("first")})); err != nil {
				t.Fatal(err)
			}
			given.Together(t, 16, func(i int) error {
				for j := range 5 {
					want := given.Bytes(1000*i+1, uint64(j))
					r, err := echo.CallUnary(ctx, connect.NewRequest(&value{Value: want}))
					if err != nil || !bytes.Equal(r.Msg.Value, want) {
						return fmt.Errorf("%d bytes: %w", len(want), err)
					}
				}
				return nil
			})
			big := given.Bytes(1<<20+1, 13)
			if r, err := echo.CallUnary(ctx, connect.NewRequest(&value{Value: big})); err != nil || !bytes.Equal(r.Msg.Value, big) {
				t.Errorf("a large message: %v", err)
			}
			if _, err := echo.CallUnary(ctx, connect.NewRequest(&value{})); connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Errorf("an error of the server: %v", err)
			}
			s := connect.NewClient[value, value](c, base+"/test/Stream", options...).CallBidiStream(ctx)
			for i := range 20 {
				want := []byte(fmt.Sprint(i))
				if err := s.Send(&value{Value: want}); err != nil {
					t.Fatal(err)
				}
				if m, err := s.Receive(); err != nil || !bytes.Equal(m.Value, want) {
					t.Fatalf("%v, %v; want %q", m, err, want)
				}
			}
			if err := s.CloseRequest(); err != nil {
				t.Error(err)
			}
			if _, err := s.Receive(); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
			if err := s.CloseResponse(); err != nil {
				t.Error(err)
			}
			start := time.Now()
			short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
			defer cancel()
			_, err := connect.NewClient[durationpb.Duration, emptypb.Empty](c, base+"/test/Sleep", options...).
				CallUnary(short, connect.NewRequest(durationpb.New(time.Minute)))
			if took := time.Since(start); connect.CodeOf(err) != connect.CodeDeadlineExceeded || took < 299*time.Millisecond || took > 10*time.Second { // whole milliseconds are told
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}
