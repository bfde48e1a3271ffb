package libraries

import (
	"context"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// TestShutdown: after SIGTERM a server of gRPC answers the streams that are open, which end
// with their own status, and takes no others.
func TestShutdown(t *testing.T) {
	if err := here.build([]string{"grpc"}, false); err != nil {
		t.Fatal(err)
	}
	e, err := newEngine("wazero", here.dir)
	if err != nil {
		t.Fatal(err)
	}
	l := libraries[slices.IndexFunc(libraries, func(l library) bool { return l.guest == "grpc" })]
	p, addrs := l.startServer(t, e)
	trusted, err := credentials.NewClientTLSFromFile(here.tls.ca, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	c, err := grpc.NewClient("passthrough:///"+addrs[0], grpc.WithTransportCredentials(trusted))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := pb.NewTestServiceClient(c)
	streams := make([]grpc.BidiStreamingClient[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse], 4)
	ask := func(i int, size int32) {
		t.Helper()
		if err := streams[i].Send(&pb.StreamingOutputCallRequest{ResponseParameters: []*pb.ResponseParameters{{Size: size}}}); err != nil {
			t.Error(err)
		}
		if r, err := streams[i].Recv(); err != nil || len(r.Payload.Body) != int(size) {
			t.Errorf("%v, %v; want %d bytes", r, err, size)
		}
	}
	for i := range streams {
		if streams[i], err = client.FullDuplexCall(ctx); err != nil {
			t.Fatal(err)
		}
		ask(i, 1000)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.await(func() error {
		if _, err := client.EmptyCall(ctx, new(pb.Empty)); status.Code(err) != codes.Unavailable {
			return fmt.Errorf("a new call: %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for i, s := range streams {
		ask(i, 2000)
		if i == 0 { // and this one ends with an error of the server's
			s.Send(&pb.StreamingOutputCallRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.DataLoss), Message: "its own"}})
			if _, err := s.Recv(); status.Code(err) != codes.DataLoss {
				t.Error(err)
			}
			continue
		}
		if err := s.CloseSend(); err != nil {
			t.Error(err)
		}
		if _, err := s.Recv(); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	}
	select {
	case <-p.ended:
		if p.err != nil {
			t.Error(p.err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the server does not end")
	}
}
