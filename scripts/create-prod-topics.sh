#!/usr/bin/env bash
# The running Swarm stack: bring its topics to what config/topics.yml declares for prod, or look at
# the health of all of it. The tool runs in a container on the stack's network, so that a manager
# node needs Docker only.
#
# Usage: scripts/create-prod-topics.sh [plan|apply|describe] [--allow-rekey] [--allow-data-loss]
#        [--timeout SECONDS] [--no-configs]
#        scripts/create-prod-topics.sh health [--json] [--watch] [--timeout SECONDS]
#        [--max-tick-age SECONDS] [--max-lag N]
#
#   plan                    show what would be done or refused; changes nothing
#   apply                   do it (default); a second run does nothing
#   describe                show the topics as they are: each partition's leader, replicas and those
#                           in sync, and the configs that are set
#   health                  check nodes, services, ZooKeeper, brokers, topics, lag, bridges; changes
#                           nothing
#   --allow-rekey           add partitions, although symbols move to other ones
#   --allow-data-loss       shorten a retention, or weaken what keeps ticks from being lost
#   --no-configs            describe: without the configs, which the brokers read from ZooKeeper
#   --timeout SECONDS       apply: how long to wait for the brokers (default 120)
#                           health: how long a look may take (default 60); where Docker itself
#                           does not answer, its limits of 30 s come on top
#   --json                  print one JSON object a look
#   --watch                 look again every 5 s, until Ctrl-C
#   --max-tick-age SECONDS  how old the newest tick may be (default 30)
#   --max-lag N             how many records a consumer group may be behind (default 1000)
#   -h, --help              show this
#
# STACK_NAME is the stack's name (default stockstream).
#
# Exit codes: 0 done or all passed, 1 refused, or a check failed, 2 wrong usage or a missing
# precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/swarm.sh"

readonly WATCH_EVERY_S=5

VERB=apply
LIMIT_S=
WATCH=
OPTIONS=()

parse_options() {
  case ${1:-} in
  plan | apply | describe | health)
    VERB=$1
    shift
    ;;
  esac
  while (($#)); do
    case $VERB:$1 in
    *:-h | *:--help)
      usage
      exit
      ;;
    plan:--allow-rekey | plan:--allow-data-loss | apply:--allow-rekey | apply:--allow-data-loss | \
      describe:--no-configs | health:--json)
      OPTIONS+=("$1")
      shift
      ;;
    health:--watch)
      WATCH=yes
      shift
      ;;
    apply:--timeout | health:--timeout)
      need_number "$1" "${2:-}" "$LONGEST_S"
      LIMIT_S=$2
      shift 2
      ;;
    health:--max-tick-age)
      need_number "$1" "${2:-}" "$LONGEST_S"
      OPTIONS+=("$1" "$2")
      shift 2
      ;;
    health:--max-lag)
      need_number "$1" "${2:-}" 1000000000
      OPTIONS+=("$1" "$2")
      shift 2
      ;;
    *) bad_option "unknown option $1 of $VERB" ;;
    esac
  done
  case $VERB in
  health) LIMIT_S=${LIMIT_S:-60} ;;
  apply)
    LIMIT_S=${LIMIT_S:-120}
    OPTIONS+=(--timeout "$LIMIT_S")
    ;;
  *) LIMIT_S=60 ;;
  esac
}

watch_health() {
  while true; do
    health "$LIMIT_S" ${OPTIONS[@]+"${OPTIONS[@]}"} || true
    printf -- '--- %(%H:%M:%S)T, again in %s s\n' -1 "$WATCH_EVERY_S" >&2
    sleep "$WATCH_EVERY_S"
  done
}

topics() {
  local status=0 TOOL_LIMIT_S=$((LIMIT_S + DOCKER_LIMIT_S))
  run_tool "$NETWORK" topics "$VERB" --phase prod --file - ${OPTIONS[@]+"${OPTIONS[@]}"} \
    <"$ROOT/config/topics.yml" || status=$?
  case $status in
  0 | 1 | 2) return "$status" ;;
  "$NOT_STARTED") die "no container starts on $NETWORK: see above" ;;
  *)
    log "create-prod-topics.sh: $VERB did not end within $TOOL_LIMIT_S s (exit code $status)"
    return 1
    ;;
  esac
}

main() {
  parse_options "$@"
  need_manager
  if [[ $VERB != health ]]; then
    need_stack
    topics
  elif [[ -n $WATCH ]]; then
    watch_health
  else
    health "$LIMIT_S" ${OPTIONS[@]+"${OPTIONS[@]}"}
  fi
}

main "$@"
