// Package grpc runs the interoperability tests of google.golang.org/grpc, which are
// part of it, and more of its own.
package grpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func TestServer(t *testing.T) {
	l := given.Listen(t)
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(given.ServerTLS(t))), grpc.MaxRecvMsgSize(16<<20))
	pb.RegisterTestServiceServer(s, interop.NewTestServer())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, s.GracefulStop)
	given.Serving(l.Addr())
	if err := s.Serve(l); err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T) (*grpc.ClientConn, pb.TestServiceClient) {
	c, err := grpc.NewClient("passthrough:///"+given.Peer(t, 0), grpc.WithTransportCredentials(credentials.NewTLS(given.ClientTLS(t))),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, pb.NewTestServiceClient(c)
}

// TestInterop ends the whole program where something is wrong.
func TestInterop(t *testing.T) {
	ctx := context.Background()
	c, client := dial(t)
	interop.DoUnimplementedMethod(ctx, c)
	for name, do := range map[string]func(context.Context, pb.TestServiceClient, ...grpc.CallOption){
		"empty unary": interop.DoEmptyUnaryCall, "large unary": interop.DoLargeUnaryCall,
		"client streaming": interop.DoClientStreaming, "server streaming": interop.DoServerStreaming,
		"ping pong": interop.DoPingPong, "empty stream": interop.DoEmptyStream,
		"timeout": interop.DoTimeoutOnSleepingServer, "cancel": interop.DoCancelAfterBegin,
		"cancel later": interop.DoCancelAfterFirstResponse, "metadata": interop.DoCustomMetadata,
		"status": interop.DoStatusCodeAndMessage, "special status": interop.DoSpecialStatusMessage,
	} {
		t.Run(name, func(t *testing.T) { do(ctx, client) })
	}
}

func TestTogether(t *testing.T) {
	_, client := dial(t)
	given.Together(t, 16, func(i int) error {
		s, err := client.FullDuplexCall(context.Background())
		if err != nil {
			return err
		}
		for j := range 5 {
			size := int32(1000*i + j + 1)
			if err := s.Send(&pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{Size: size}}}); err != nil {
				return err
			}
			r, err := s.Recv()
			if err != nil || len(r.Payload.Body) != int(size) {
				return fmt.Errorf("%v, %v; want %d bytes", r, err, size)
			}
		}
		if err := s.CloseSend(); err != nil {
			return err
		}
		if _, err := s.Recv(); err != io.EOF {
			return fmt.Errorf("after the end: %v", err)
		}
		return nil
	})
}

func TestLarge(t *testing.T) {
	_, client := dial(t)
	const size = 1<<20 + 1
	r, err := client.UnaryCall(context.Background(), &pb.SimpleRequest{ResponseSize: size, Payload: &pb.Payload{Body: given.Bytes(size, 9)}})
	if err != nil || !bytes.Equal(r.Payload.Body, make([]byte, size)) {
		t.Errorf("%d bytes, %v", len(r.GetPayload().GetBody()), err)
	}
}

func TestDeadline(t *testing.T) {
	_, client := dial(t)
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	s, err := client.FullDuplexCall(ctx)
	if err == nil {
		_, err = s.Recv() // nothing was asked for
	}
	if took := time.Since(start); status.Code(err) != codes.DeadlineExceeded || took < 300*time.Millisecond || took > 10*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
