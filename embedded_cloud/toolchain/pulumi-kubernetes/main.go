// The official Kubernetes provider, built from its own module, behind a proxy that answers the calls about Helm releases (releases.go).
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

const messageBytes = 400 << 20 // the engine's own limit

func main() {
	engine := os.Stdout
	inner := startOfficial()
	official, err := grpc.NewClient("127.0.0.1:"+inner,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(asIs{}), grpc.MaxCallRecvMsgSize(messageBytes), grpc.MaxCallSendMsgSize(messageBytes)))
	must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(asIs{}), grpc.MaxRecvMsgSize(messageBytes), grpc.MaxSendMsgSize(messageBytes),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return answer(official, stream) }))
	_, err = fmt.Fprintln(engine, listener.Addr().(*net.TCPAddr).Port)
	must(err)
	must(server.Serve(listener))
}

// startOfficial serves the official provider in this process, and returns the port that the provider prints to standard output.
func startOfficial() string {
	read, write, err := os.Pipe()
	must(err)
	os.Stdout = write
	go func() {
		provider.Serve("kubernetes", version.Version, schema(), []byte("{}"))
		os.Exit(0)
	}()
	lines := bufio.NewReader(read)
	port, err := lines.ReadString('\n')
	must(err)
	go func() { _, _ = io.Copy(os.Stderr, lines) }()
	return strings.TrimSpace(port)
}

// schema reads the provider's schema from the folder of this program, because a module cannot embed a file of another module.
func schema() []byte {
	program, err := os.Executable()
	must(err)
	content, err := os.ReadFile(filepath.Join(filepath.Dir(program), "pulumi-kubernetes-schema.json"))
	must(err)
	return content
}

// answer answers one call: ofRelease answers a call about a Helm release, the official provider answers any other call.
func answer(official *grpc.ClientConn, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var request, response []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	ours, err := ofRelease(method, request)
	if err != nil {
		return err
	}
	if ours != nil {
		return stream.SendMsg(&ours)
	}
	ctx := stream.Context()
	if headers, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, headers)
	}
	var trailer metadata.MD
	err = official.Invoke(context.WithoutCancel(ctx), method, &request, &response, grpc.Trailer(&trailer))
	if err != nil {
		return err
	}
	return stream.SendMsg(&response)
}

// asIs is a codec that does not change the bytes of a message.
type asIs struct{}

func (asIs) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (asIs) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (asIs) Name() string { return "proto" }

func must(err error) {
	if err != nil {
		cmdutil.ExitError(err.Error())
	}
}
