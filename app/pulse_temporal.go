package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errNoNamespace is why nothing goes on at a Temporal that answers.
type errNoNamespace struct{ name string }

func (e errNoNamespace) Error() string {
	return fmt.Sprintf("Temporal has no namespace %s: make it with usher setup, or with temporal operator namespace create --namespace %s --retention 720h", e.name, e.name)
}

// namespaceOf probes: whether Temporal answers, and has the namespace.
func namespaceOf(c client.Client, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
		return temporalTrouble(err, name)
	}
}

// temporalTrouble is an error that says that Temporal cannot be used, nil for an
// answer of any other kind.
func temporalTrouble(err error, namespace string) error {
	if err == nil {
		return nil
	}
	if s, ok := status.FromError(err); ok {
		err = serviceerror.FromStatus(s)
	}
	var none *serviceerror.NamespaceNotFound
	var missing *serviceerror.NotFound
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var denied *serviceerror.PermissionDenied
	switch {
	case errors.As(err, &none), errors.As(err, &missing) && strings.HasPrefix(missing.Message, "Namespace "):
		return errNoNamespace{namespace}
	case errors.As(err, &unavailable), errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("it does not answer: %w", err)
	case errors.As(err, &denied), status.Code(err) == codes.Unauthenticated:
		return fmt.Errorf("it refuses the credentials: %w", err)
	}
	return nil
}

// observe notes what becomes of calls. Polls wait for work, so that nothing follows
// from how they end; neither does from a call that was given up.
func (p *pulse) observe(namespace string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if !strings.Contains(method, "/Poll") && !errors.Is(ctx.Err(), context.Canceled) {
			p.saw(temporalTrouble(err, namespace))
		}
		return err
	}
}
