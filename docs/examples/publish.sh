#!/bin/sh
# Publish one verification to usher with the nats tool and wait until it is
# stored. The same event id again is the same event.
#
#   ./publish.sh nats://127.0.0.1:4222 crm approved u-1001 EVENT-ID
set -eu
nats="${NATS_TOOL:-go run github.com/nats-io/natscli/nats@v0.5.1}"
$nats --server "$1" pub --jetstream -H "ce-id:$5" -H "Nats-Msg-Id:$5" "verifications.v1.$2.$3" "{\"user_id\":\"$4\"}"
