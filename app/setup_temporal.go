package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"usher/event"
)

// TemporalAccess is how a process or a command reaches Temporal, beside what Temporal's
// own environment and profile say.
type TemporalAccess struct {
	TemporalAddress   string `help:"Temporal frontend to join instead of the embedded one." placeholder:"HOST:PORT"`
	TemporalNamespace string `help:"Temporal namespace." default:"default" placeholder:"NAME"`
	TemporalInsecure  bool   `help:"Allow ids to cross a network to Temporal unencrypted."`
}

// attributes are the search attributes that usher sets, all of one type.
var attributes = []string{event.AttributeImport, event.AttributeSource}

// settle is how long Temporal may take to know what was made in it: each of its
// processes reads the namespaces anew every ten seconds.
const settle = time.Minute

// makeNamespace makes the namespace and the search attributes that are missing, and
// returns when they can be used.
func (s Setup) makeNamespace(ctx context.Context) error {
	o, err := temporalOptions(s.TemporalAddress, s.TemporalNamespace, true)
	if err != nil {
		return err
	}
	if o.HostPort == "" {
		s.tell("Temporal is not named (--temporal-address or TEMPORAL_ADDRESS): nothing was made there")
		return nil
	}
	if err := checkTemporal(o, s.TemporalInsecure); err != nil {
		return err
	}
	if s.Retention < 24*time.Hour {
		return errors.New("--retention: Temporal keeps finished workflows for 24h at least")
	}
	o.Identity, o.Logger = "usher setup", silent{}
	c, err := client.NewLazyClient(o)
	if err != nil {
		return fmt.Errorf("the client of Temporal: %w", err)
	}
	defer c.Close()
	if err := s.namespace(ctx, c, o.Namespace); err != nil {
		return fmt.Errorf("the namespace %s of Temporal at %s: %w", o.Namespace, o.HostPort, err)
	}
	if err := s.searchAttributes(ctx, c, o.Namespace); err != nil {
		return fmt.Errorf("the search attributes of the namespace %s: %w", o.Namespace, err)
	}
	return nil
}

func (s Setup) namespace(ctx context.Context, c client.Client, name string) error {
	describe := &workflowservice.DescribeNamespaceRequest{Namespace: name}
	r, err := c.WorkflowService().DescribeNamespace(ctx, describe)
	made := false
	var none *serviceerror.NamespaceNotFound
	if errors.As(err, &none) {
		_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: name, Description: "onboarding by usher", WorkflowExecutionRetentionPeriod: durationpb.New(s.Retention),
		})
		var there *serviceerror.NamespaceAlreadyExists
		if made = err == nil; made || errors.As(err, &there) { // another setup was faster
			r, err = c.WorkflowService().DescribeNamespace(ctx, describe)
		}
	}
	if err != nil {
		return err
	}
	keeps := r.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	s.tell("namespace %s %s: keeps finished workflows for %s", name, isThere(made), hours(keeps))
	if keeps != s.Retention {
		s.tell("  that is left as it is; for another time: temporal operator namespace update --namespace %s --retention %s", name, hours(s.Retention))
	}
	return nil
}

// hours is a duration as Temporal's tools take it, without parts that are nothing.
func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

func (s Setup) searchAttributes(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	made := map[string]bool{}
	for {
		there, err := s.addAttributes(ctx, c, namespace, made)
		if err == nil && there {
			break
		}
		if event.IsPermanent(err) || !event.Sleep(ctx, 500*time.Millisecond) {
			return errors.Join(err, ctx.Err())
		}
	}
	for _, name := range attributes {
		s.tell("search attribute %s %s", name, isThere(made[name]))
	}
	return nil
}

// addAttributes asks for those that are missing, once each, and tells whether all can be
// used.
func (s Setup) addAttributes(ctx context.Context, c client.Client, namespace string, made map[string]bool) (there bool, err error) {
	r, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return false, refusedByTemporal(err)
	}
	missing := map[string]enums.IndexedValueType{}
	there = true
	for _, name := range attributes {
		kind, known := r.GetCustomAttributes()[name]
		there = there && known
		switch {
		case known && kind != enums.INDEXED_VALUE_TYPE_KEYWORD:
			return false, event.Permanent(fmt.Errorf("%s is of type %s, and usher needs Keyword: take another namespace", name, kind))
		case !known && !made[name]:
			missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if there {
		return s.usable(ctx, c, namespace)
	}
	if len(missing) == 0 {
		return false, nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return false, refusedByTemporal(err)
	}
	for name := range missing {
		made[name] = err == nil // else another setup was faster
	}
	return false, nil
}

// usable tells whether runs can be started with the search attributes: the frontend, which
// translates them, looks for new ones from time to time only.
func (s Setup) usable(ctx context.Context, c client.Client, namespace string) (bool, error) {
	query := fmt.Sprintf("%s = '' AND %s = ''", attributes[0], attributes[1])
	_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query})
	return err == nil, err
}

// refusedByTemporal marks what another try does not mend. A namespace that was made a
// moment ago is not known everywhere.
func refusedByTemporal(err error) error {
	var denied *serviceerror.PermissionDenied
	var wrong *serviceerror.InvalidArgument
	if errors.As(err, &denied) || errors.As(err, &wrong) {
		return event.Permanent(err)
	}
	return err
}
