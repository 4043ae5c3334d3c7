// Package monitoring makes the dashboards in deploy/grafana, the alert rules in
// deploy/prometheus and docs/metrics.md from the catalogue in usher/metrics and
// from the boards and rules in this package. `make generate` writes them; a test
// fails when what is committed differs.
//
// Queries are written against series that exist from the start, and every
// percentile falls back to zero, so that no panel is ever empty. They use what
// Prometheus 2.42 understands.
package monitoring
