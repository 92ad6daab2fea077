#!/usr/bin/env bash
# Take the Swarm stack down: first what uses the brokers, then the brokers, while ZooKeeper is still
# there to let them leave in order, then the rest. The volumes stay, with all ticks, and so do the
# nodes' labels: scripts/deploy.sh brings everything back.
#
# Usage: scripts/remove.sh [--volumes [--yes]] [--timeout SECONDS]
#
#   --volumes           delete the volumes of this node too, with all ticks on it; those of the other
#                       nodes are named, for a manager does not reach them
#   --yes               do not ask
#   --timeout SECONDS   how long to wait for the tasks to end (default 300)
#   -h, --help          show this
#
# STACK_NAME is the stack's name (default stockstream).
#
# Exit codes: 0 removed, or nothing to do, 1 it failed or the answer was no, 2 wrong usage or a
# missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/swarm.sh"

LIMIT_S=300
VOLUMES=
YES=

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --volumes) VOLUMES=yes ;;
    --yes) YES=yes ;;
    --timeout)
      need_number "$1" "${2:-}" "$LONGEST_S"
      LIMIT_S=$2
      shift
      ;;
    *) bad_option "unknown option $1" ;;
    esac
    shift
  done
}

ask() {
  if [[ -z $VOLUMES || -n $YES ]]; then return; fi
  [[ -t 0 ]] || die "--volumes deletes all ticks; without a terminal to ask on, it needs --yes"
  local answer
  read -r -p "Delete the stack $STACK and this node's volumes with all ticks? [y/N] " answer
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]] || {
    log "nothing was removed"
    exit 1
  }
}

# remove_services NAME...: remove these of the stack, and wait until their containers have ended.
remove_services() {
  local name found=()
  for name in "$@"; do
    if [[ -n $(service_field "$name" '{{.ID}}') ]]; then found+=("${STACK}_$name"); fi
  done
  ((${#found[@]})) || return 0
  local tasks
  tasks=$(ask_docker service ps --quiet --no-trunc --filter desired-state=running "${found[@]}") ||
    tasks=
  log "removing ${found[*]}"
  docker service rm "${found[@]}" >/dev/null || exit 1
  wait_for_end "$tasks"
}

# wait_for_end TASKS: a removed service's tasks can be asked about until they are gone.
wait_for_end() {
  local started=$SECONDS states
  while true; do
    # shellcheck disable=SC2086  # words on purpose: ids
    states=$(ask_docker inspect --type task --format '{{.Status.State}}' $1 2>/dev/null) || true
    [[ $states =~ (^|$'\n')(running|starting|preparing|ready|assigned|accepted)($|$'\n') ]] || return 0
    if ((SECONDS - started > LIMIT_S)); then
      log "not ended within $LIMIT_S s (a lost node does not report): going on"
      return
    fi
    sleep 1
  done
}

# remove_rest: services, networks; a network goes once its last container has gone.
remove_rest() {
  local started=$SECONDS
  docker stack rm "$STACK" >&2 || exit 1
  while [[ -n $(stack_networks) ]]; do
    if ((SECONDS - started > LIMIT_S)); then
      log "still there after $LIMIT_S s: $(stack_networks | tr '\n' ' ')"
      exit 1
    fi
    sleep 1
    docker stack rm "$STACK" >/dev/null 2>&1 || true # a network in use is refused at first
  done
}

stack_networks() {
  ask_docker network ls --filter "label=com.docker.stack.namespace=$STACK" --format '{{.Name}}'
}

stack_volumes() {
  ask_docker volume ls --quiet --filter "label=com.docker.stack.namespace=$STACK"
}

remove_volumes() {
  local volume started=$SECONDS command
  for volume in $(stack_volumes); do
    until docker volume rm "$volume" >/dev/null 2>&1; do # in use until the container is gone
      if ((SECONDS - started > LIMIT_S)); then
        log "volume $volume is still in use: docker ps --all --filter volume=$volume"
        exit 1
      fi
      sleep 1
    done
    printf 'deleted volume %s\n' "$volume"
  done
  if (($(ask_docker node ls --quiet | wc -l) > 1)); then
    command="docker volume rm \$(docker volume ls -q --filter label=com.docker.stack.namespace=$STACK)"
    printf 'on each other node: %s\n' "$command"
  fi
}

main() {
  parse_options "$@"
  need_manager
  ask
  if [[ -n $(stack_services)$(stack_networks) ]]; then
    remove_services topics producer consumer websocket-bridge
    remove_services "${BROKERS[@]}"
    remove_rest
    printf 'removed the stack %s\n' "$STACK"
  else
    printf 'nothing to do: no stack %s is deployed\n' "$STACK"
  fi
  if [[ -n $VOLUMES ]]; then
    remove_volumes
  else
    printf 'the volumes stay; scripts/deploy.sh goes on with them\n'
  fi
}

main "$@"
