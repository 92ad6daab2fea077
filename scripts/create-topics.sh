#!/usr/bin/env bash
# Bring the cluster's topics to what config/topics.yml declares: create what is missing, change
# what differs. What would lose or reorder ticks is refused, and then no topic is changed.
#
# Usage: scripts/create-topics.sh [plan|apply|describe] [--phase dev|prod] [--allow-rekey]
#        [--allow-data-loss] [--timeout SECONDS] [--no-configs]
#
#   plan                show what would be done or refused; changes nothing
#   apply               do it (default); a second run does nothing
#   describe            show the topics as they are: each partition's leader, replicas and those in
#                       sync, and the configs that are set
#   --phase dev|prod    which part of config/topics.yml (default dev)
#   --allow-rekey       add partitions, although symbols move to other ones
#   --allow-data-loss   shorten a retention, or weaken what keeps ticks from being lost
#   --timeout SECONDS   how long `apply` waits for the brokers (default 120)
#   --no-configs        describe: without the configs, which the broker reads from ZooKeeper
#   -h, --help          show this
#
# The brokers are KAFKA_BOOTSTRAP_SERVERS; else KAFKA_EXTERNAL_HOST and KAFKA_EXTERNAL_PORT, of the
# environment or of phase1/.env (default localhost:9092).
#
# Exit codes: 0 done, 1 refused or failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/command.sh"

case ${1:-} in
plan | apply | describe)
  verb=$1
  shift
  ;;
*) verb=apply ;;
esac
run_stockstream topics "$verb" "$@"
