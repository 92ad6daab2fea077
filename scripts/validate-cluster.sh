#!/usr/bin/env bash
# Check the running development stack: containers, ZooKeeper, the broker from inside and from this
# machine, the topic, a record's round trip, the bridge, a live tick over WebSocket and its age, the
# lag of the consumer groups. Nothing is changed; the round trip's topic is gone afterwards.
#
# Usage: scripts/validate-cluster.sh [--timeout SECONDS] [--max-tick-age SECONDS] [--max-lag N]
#        [--json]
#
#   --timeout SECONDS       how long to wait for all that is not yet as it should be (default 60)
#   --max-tick-age SECONDS  how old a live tick may be (default 30)
#   --max-lag N             how many records a consumer group may be behind (default 1000)
#   --json                  print one JSON object
#   -h, --help              show this
#
# The stack is found by its directory; COMPOSE_PROJECT_NAME names it where several run.
#
# Exit codes: 0 all passed, 1 a check failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/command.sh"

run_stockstream validate-cluster "$@"
