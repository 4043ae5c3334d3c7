//go:build !noembed

package embedded

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"usher/app"
	"usher/event"
	"usher/streams/natstest"
)

// `usher setup` makes all that a cluster needs, says what it made and what was there,
// and runs can be started with the search attributes as soon as it has ended.
func TestSetupMakesWhatTemporalNeeds(t *testing.T) {
	_, url := natstest.Start(t)
	addr := frontend(t)
	setup := func(namespace string, retention time.Duration) (string, error) {
		var said strings.Builder
		err := app.Setup{
			NATSAccess: app.NATSAccess{NATSURL: url}, TemporalAccess: app.TemporalAccess{TemporalAddress: addr, TemporalNamespace: namespace},
			Intake: app.Intake{IDKey: "the key of this test, long enough"}, MaxStore: 64 << 20, Replicas: 1, Retention: retention,
			Tell: func(line string) { said.WriteString(line + "\n") }, Log: slog.New(slog.DiscardHandler),
		}.Run(t.Context())
		return said.String(), err
	}
	says := func(said string, err error, want ...string) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		for _, w := range want {
			if !strings.Contains(said, w+"\n") {
				t.Errorf("it does not say %q:\n%s", w, said)
			}
		}
	}
	said, err := setup("prod", 48*time.Hour)
	says(said, err, "stream USERS made: room for 31.9 MB, 1 copy", "10 streams are there and as they should be", "namespace prod made: keeps finished workflows for 48h",
		"search attribute UsherImport made", "search attribute UsherSource made")

	c, err := client.Dial(client.Options{HostPort: addr, Namespace: "prod", Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "w", TaskQueue: "q", TypedSearchAttributes: temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword(event.AttributeImport).ValueSet("i"), temporal.NewSearchAttributeKeyKeyword(event.AttributeSource).ValueSet("hr"),
	)}, "W")
	if err != nil {
		t.Errorf("a run with the search attributes cannot be started right after: %v", err)
	}

	said, err = setup("prod", 720*time.Hour)
	says(said, err, "stream USERS is there: room for 31.9 MB, 1 copy", "namespace prod is there: keeps finished workflows for 48h",
		"  that is left as it is; for another time: temporal operator namespace update --namespace prod --retention 720h",
		"search attribute UsherImport is there", "search attribute UsherSource is there")

	if _, err := c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: "odd", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) { // until the frontend knows it
		_, err := c.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
			Namespace: "odd", SearchAttributes: map[string]enums.IndexedValueType{event.AttributeSource: enums.INDEXED_VALUE_TYPE_INT},
		})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if said, err = setup("odd", 24*time.Hour); err == nil || !strings.Contains(err.Error(), "UsherSource is of type Int, and usher needs Keyword") {
		t.Errorf("an attribute of another type: %v\n%s", err, said)
	}
	if said, err = setup("brief", time.Hour); err == nil || !strings.Contains(err.Error(), "--retention") {
		t.Errorf("a retention that Temporal refuses: %v\n%s", err, said)
	}
}
