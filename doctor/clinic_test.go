package doctor_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"usher/app"
	"usher/doctor"
	"usher/event"
	"usher/streams"
	"usher/streams/natstest"
)

// clinic is a whole system in good order, which a test spoils: a real NATS with usher's
// streams and pulls for the bridge's messages, a frontend of Temporal over
// gRPC, a mail server with TLS and passwords, and folders.
type clinic struct {
	*testing.T
	app.Doctor
	js       jetstream.JetStream
	temporal *frontend
	mail     *mailServer
}

const (
	clinicKey     = "the id key of this test, long enough"
	clinicPayload = "the payload key of this test, long enough"
	payloadKeyID  = "ac8b0b52cd97" // of clinicPayload
	mailUser      = "somebody@example.org"
	mailPassword  = "correct horse battery"
)

func newClinic(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{T: t, temporal: newFrontend(t), mail: newMailServer(t, time.Now().Add(90*24*time.Hour))}
	dir := t.TempDir()
	c.Config = app.Config{
		Base:     app.Base{Data: dir, OpsAddr: unusedAddr(t)},
		External: app.External{TemporalAccess: app.TemporalAccess{TemporalAddress: c.temporal.addr, TemporalNamespace: "default"}},
		Servers:  app.Servers{MaxStore: 64 << 20},
		Intake:   app.Intake{IDKey: clinicKey},
		Limits:   app.DefaultLimits(),
		Reports:  app.Reports{DigestAt: []string{"09:00"}, ReportAt: "18:00", TimeZone: "UTC"},
		Accounts: app.Accounts{AccountTarget: "none"},
	}
	c.PayloadKey, c.OnUnknown, c.MaxPause = clinicPayload, "resend", time.Hour
	c.Version, c.Doctor.Workers, c.Doctor.Limit = "test", 1, 4*time.Second
	c.useProviders("")
	for _, name := range []string{"inbox", event.SourceCanary} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	c.useNATS(natsOf(t, ""))
	return c
}

// accounts stores those of the console.
func (c *clinic) accounts(record string) {
	c.Helper()
	kv, err := c.js.KeyValue(c.Context(), event.BucketConsole)
	if err == nil {
		_, err = kv.PutString(c.Context(), "logins", record)
	}
	if err != nil {
		c.Fatal(err)
	}
}

// useProviders writes the file of providers: the mail server, with more settings.
func (c *clinic) useProviders(more string) {
	c.Helper()
	c.Doctor.Providers = filepath.Join(c.Data, "providers.yaml")
	text := fmt.Sprintf("email:\n- {name: mail, smtp: %q, ca_file: %q, username: %q, password: %q, from: welcome@example.org, rate: 10/s}\n%s",
		c.mail.addr, c.mail.ca, mailUser, mailPassword, more)
	if err := os.WriteFile(c.Doctor.Providers, []byte(text), 0o600); err != nil {
		c.Fatal(err)
	}
}

// useNATS fills a server with usher's streams, and asks for messages as a bridge does.
func (c *clinic) useNATS(url string, options ...nats.Option) {
	c.Helper()
	c.NATSURL = url
	nc, err := nats.Connect(url, options...)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(nc.Close)
	if c.js, err = jetstream.New(nc); err != nil {
		c.Fatal(err)
	}
	if err := streams.Ensure(c.Context(), c.js, streams.Options{MaxBytes: 32 << 20, KeyFingerprint: event.Key(clinicKey).Fingerprint(), Setup: true}); err != nil {
		c.Fatal(err)
	}
	for stream, name := range map[string]string{event.StreamUsers: event.ConsumerUsers, event.StreamVerifications: event.ConsumerVerifications} {
		if _, err := c.js.CreateConsumer(c.Context(), stream, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
			c.Fatal(err)
		}
		inbox := nats.NewInbox()
		if _, err := nc.SubscribeSync(inbox); err != nil {
			c.Fatal(err)
		}
		if err := errors.Join(nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+stream+"."+name, inbox, []byte(`{"expires":600000000000,"batch":1}`)), nc.Flush()); err != nil {
			c.Fatal(err)
		}
	}
}

// report is what the doctor says.
func (c *clinic) report() doctor.Report {
	c.Helper()
	facts, _, err := c.Examine(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	return doctor.Judge(facts)
}

// natsOf runs a server with more configuration until the test ends.
func natsOf(t *testing.T, conf string) (url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	text := fmt.Sprintf("listen: \"127.0.0.1:-1\"\njetstream { store_dir: %q, max_file_store: 8GB }\n", t.TempDir())
	if strings.Contains(conf, "jetstream: false") {
		text, conf = "listen: \"127.0.0.1:-1\"\n", strings.ReplaceAll(conf, "jetstream: false", "")
	}
	if err := os.WriteFile(file, []byte(text+conf), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return natstest.Serve(t, o).ClientURL()
}

// said is a way to a server of NATS on which some of what it says is replaced, by texts
// of the same length where it is in a message.
func said(t *testing.T, url, was, becomes string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := strings.TrimPrefix(url, "nats://")
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				wg.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
				b := make([]byte, 64<<10)
				for {
					n, err := out.Read(b)
					if _, failed := io.WriteString(in, strings.ReplaceAll(string(b[:n]), was, becomes)); failed != nil || err != nil {
						return
					}
				}
			})
		}
	})
	return "nats://" + l.Addr().String()
}

// unpack is all that an archive holds.
func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(h.Name + "\n")
		if _, err := io.Copy(&b, r); err != nil {
			t.Fatal(err)
		}
	}
}

// unusedAddr is one where nothing listens.
func unusedAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate is one of 127.0.0.1 that ends at a time, and the file of who vouches for it.
func certificate(t *testing.T, ends time.Time) (cert tls.Certificate, ca, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a server"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ca, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{ca: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, ca, key
}

// mailServer is a real one, with STARTTLS and a password.
type mailServer struct {
	addr, ca string

	mu   sync.Mutex
	mail int // that came

	quote   string // what it says to every password; "" takes the right one
	refuses string // what it says to every sender; "" takes each
}

func newMailServer(t *testing.T, ends time.Time) *mailServer {
	t.Helper()
	cert, ca, _ := certificate(t, ends)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{addr: l.Addr().String(), ca: ca}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return mailSession{m}, nil }))
	s.Domain, s.TLSConfig, s.ErrorLog = "mail.example", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, quietLog{}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }() // until Close
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return m
}

type quietLog struct{}

func (quietLog) Printf(string, ...any) {}
func (quietLog) Println(...any)        {}

type mailSession struct{ m *mailServer }

func (s mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.m.quote != "" {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: s.m.quote + " " + user}
		}
		if user != mailUser || password != mailPassword {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such user: " + user}
		}
		return nil
	}), nil
}

func (s mailSession) Mail(string, *smtp.MailOptions) error {
	if s.m.refuses != "" {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: s.m.refuses}
	}
	return nil
}

func (s mailSession) Data(io.Reader) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.mail++
	return nil
}

func (mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (mailSession) Reset()                               {}
func (mailSession) Logout() error                        { return nil }

// frontend is what the doctor asks of Temporal, over gRPC.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	addr string

	mu         sync.Mutex
	version    string
	refuses    bool
	hangs      chan struct{} // until it is closed; nil: not
	namespace  string
	retention  time.Duration
	attributes map[string]enumspb.IndexedValueType
	polled     map[string]time.Time // when each queue was, "" for all others
	runKey     string
}

func newFrontend(t *testing.T) *frontend {
	t.Helper()
	f := &frontend{version: "1.32.1", namespace: "default", retention: 720 * time.Hour, polled: map[string]time.Time{"": time.Now()}, runKey: payloadKeyID, attributes: map[string]enumspb.IndexedValueType{
		event.AttributeImport: enumspb.INDEXED_VALUE_TYPE_KEYWORD, event.AttributeSource: enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		f.mu.Lock()
		hangs, refuses := f.hangs, f.refuses
		f.mu.Unlock()
		if hangs != nil {
			<-hangs
		}
		if refuses {
			return nil, status.Error(codes.Unauthenticated, "no key of somebody@example.org")
		}
		return next(ctx, req)
	}))
	workflowservice.RegisterWorkflowServiceServer(s, f)
	operatorservice.RegisterOperatorServiceServer(s, f)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }() // until Stop
	t.Cleanup(func() { s.Stop(); <-ended })
	return f
}

func (f *frontend) GetClusterInfo(context.Context, *workflowservice.GetClusterInfoRequest) (*workflowservice.GetClusterInfoResponse, error) {
	return &workflowservice.GetClusterInfoResponse{ServerVersion: f.version}, nil
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: f.version, Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *frontend) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if r.GetNamespace() != f.namespace {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(r.GetNamespace())).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(f.retention)}}, nil
}

func (f *frontend) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: maps.Clone(f.attributes)}, nil
}

func (f *frontend) DescribeTaskQueue(_ context.Context, r *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	at, named := f.polled[r.GetTaskQueue().GetName()]
	if !named {
		at = f.polled[""]
	}
	out := &workflowservice.DescribeTaskQueueResponse{}
	if !at.IsZero() {
		out.Pollers = []*taskqueuepb.PollerInfo{{Identity: "usher", LastAccessTime: timestamppb.New(at)}}
	}
	return out, nil
}

func (f *frontend) ListWorkflowExecutions(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: []*workflowpb.WorkflowExecutionInfo{{Execution: &commonpb.WorkflowExecution{WorkflowId: "onboard-u-1", RunId: "r"}}}}, nil
}

func (f *frontend) GetWorkflowExecutionHistory(context.Context, *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	input := &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("binary/encrypted"), "encryption-key-id": []byte(f.runKey)}}
	return &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{Events: []*historypb.HistoryEvent{{
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
			WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{input}}},
		},
	}}}}, nil
}
