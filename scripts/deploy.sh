#!/usr/bin/env bash
# Deploy phase2/docker-stack.yml to the Swarm: first look whether it can run there, with no impact,
# then deploy, wait until the stack has formed, and check its health. Where brokers or ZooKeepers
# run and would change, it stops: scripts/roll.sh restarts those one by one.
#
# Usage: scripts/deploy.sh [--timeout SECONDS] [--check]
#
#   --timeout SECONDS   how long to wait for the stack, after the deployment (default 300)
#   --check             only look; to compare, services of no replica stand for a moment in a stack
#                       called STACK-preview
#   -h, --help          show this
#
# The stack file's variables (phase2/.env.example lists them) are taken from the environment, then from
# phase2/.env, and so is STACK_NAME, the stack's name (default stockstream).
#
# Exit codes: 0 deployed and healthy, 1 a check failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/swarm.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/nodes.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/deployment.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/preflight.sh"

readonly HEALTH_LIMIT_S=30

LIMIT_S=300
ONLY_CHECK=

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --timeout)
      need_number "$1" "${2:-}" "$LONGEST_S"
      LIMIT_S=$2
      shift
      ;;
    --check) ONLY_CHECK=yes ;;
    *) bad_option "unknown option $1" ;;
    esac
    shift
  done
}

# still_missing: print what is not there yet: services with too few tasks, or being updated.
still_missing() {
  local name replicas state
  while read -r name replicas _; do
    name=${name#"$STACK"_}
    state=$(service_field "$name" '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}')
    if [[ $state == updating ]]; then
      printf '%s (updating) ' "$name"
    elif [[ $name == topics ]]; then
      topics_made || printf 'topics (not done) '
    elif [[ ${replicas%/*} != "${replicas#*/}" || $replicas == 0/0 ]]; then
      printf '%s (%s) ' "$name" "$replicas"
    fi
  done < <(stack_replicas)
}

# topics_made: whether the one-shot service has ended well.
topics_made() {
  ask_docker service ps --format '{{.CurrentState}}' "${STACK}_topics" 2>/dev/null |
    head -n 1 | grep -q '^Complete'
}

wait_until_formed() {
  local missing told='' started=$SECONDS
  while true; do
    missing=$(still_missing)
    [[ -n $missing ]] || break
    if [[ $missing != "$told" ]]; then log "$((SECONDS - started)) s: waiting for $missing"; fi
    told=$missing
    if ((SECONDS - started > LIMIT_S)); then return 1; fi
    sleep 2
  done
  log "$((SECONDS - started)) s: all services are up"
}

# wait_until_healthy UNTIL_S: the report of the last look is the result.
wait_until_healthy() {
  local report status
  while true; do
    status=0
    report=$(health "$HEALTH_LIMIT_S") || status=$?
    if ((status == 0 || SECONDS > $1)); then break; fi
    log "not healthy yet: $(grep -m 1 '^FAIL' <<<"$report" || echo 'no report')"
    sleep 3
  done
  printf '%s\n' "$report"
  return "$status"
}

main() {
  parse_options "$@"
  need_manager
  read_nodes
  log "== Looking, no impact yet"
  pre_flight || {
    log "nothing was deployed"
    exit 1
  }
  if [[ -n $ONLY_CHECK ]]; then exit; fi
  log "== Deploying, starting impact"
  # Those that run stay out of Docker's hands, even where it would find nothing to change.
  deploy_part "$STACK" ${RUNNING[@]+"${RUNNING[@]/#/--without=}"} || exit 1
  local until_s=$((SECONDS + LIMIT_S))
  wait_until_formed || log "not formed within $LIMIT_S s"
  wait_until_healthy "$until_s"
}

main "$@"
