package app

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The names are those that dashboards for Temporal know; every bridge that exists
// gives others.
func TestSDKMetricsKeepTheirUsualNames(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newSDKMetrics(reg, nil).WithTags(map[string]string{"namespace": "default", "client_name": "temporal_go", "worker_type": "none", "workflow_type": "none", "activity_type": "none", "task_queue": "none"})
	call := h.WithTags(map[string]string{"operation": "StartWorkflowExecution"})
	call.Counter("temporal_request").Inc(2)
	call.Counter("temporal_request").Inc(1)
	call.Timer("temporal_request_latency").Record(200 * time.Millisecond)
	h.Gauge("temporal_sticky_cache_size").Update(7)
	h.Counter("temporal_local_activity_total").Inc(1)
	h.WithTags(map[string]string{"cause": "x"}).Counter("temporal_of_a_newer_sdk").Inc(1)
	h.WithTags(map[string]string{"other": "y"}).Counter("temporal_of_a_newer_sdk").Inc(1) // must not panic

	want := `
		# HELP temporal_request_total Calls to Temporal.
		# TYPE temporal_request_total counter
		temporal_request_total{activity_type="none",client_name="temporal_go",namespace="default",operation="StartWorkflowExecution",task_queue="none",worker_type="none",workflow_type="none"} 3
		# HELP temporal_sticky_cache_size Runs in the cache.
		# TYPE temporal_sticky_cache_size gauge
		temporal_sticky_cache_size{activity_type="none",client_name="temporal_go",namespace="default",task_queue="none",worker_type="none",workflow_type="none"} 7
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "temporal_request_total", "temporal_sticky_cache_size"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"temporal_request_latency_seconds", "temporal_local_activity_total", "temporal_of_a_newer_sdk_total"} {
		if n, err := testutil.GatherAndCount(reg, name); err != nil || n == 0 {
			t.Errorf("%s has %d series (%v)", name, n, err)
		}
	}
}

// BenchmarkSDKMetrics is what the SDK counts of one call.
func BenchmarkSDKMetrics(b *testing.B) {
	root := newSDKMetrics(prometheus.NewRegistry(), nil).WithTags(map[string]string{"namespace": "default", "client_name": "temporal_go", "worker_type": "none", "workflow_type": "none", "activity_type": "none", "task_queue": "none"})
	b.ReportAllocs()
	for b.Loop() {
		call := root.WithTags(map[string]string{"workflow_type": "Onboard", "activity_type": "none", "task_queue": "none"}).
			WithTags(map[string]string{"operation": "RespondWorkflowTaskCompleted", "namespace": "default"})
		call.Counter("temporal_request").Inc(1)
		call.Timer("temporal_request_latency").Record(time.Millisecond)
	}
}
