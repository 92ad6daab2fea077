#!/usr/bin/env bash
# Restart ZooKeepers and brokers one after the other, each with the stack file's settings of now:
# for a new image, a changed setting, or just so. The one that leads comes last. It starts only
# where all are there and in sync, and waits for that after each one; then the preferred leaders are
# elected. Where it stopped, it can be run again: a single member that is away goes first.
#
# Usage: scripts/roll.sh [zookeeper|kafka|all] [--timeout SECONDS]
#
#   zookeeper|kafka|all   what to restart (default all: ZooKeeper first)
#   --timeout SECONDS     how long to wait for one that was restarted, until it runs and again until
#                         all are in sync (default 600: a broker may have to recover its logs)
#   -h, --help            show this
#
# The stack file's variables are taken from the environment, then from phase2/.env, and so is
# STACK_NAME, the stack's name (default stockstream).
#
# Exit codes: 0 all were restarted, 1 it stopped in between, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/swarm.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/deployment.sh"

# How long it waits for all to be in sync before the first restart.
readonly START_LIMIT_S=60

KIND=all
LIMIT_S=600
DONE=

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    zookeeper | kafka | all) KIND=$1 ;;
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

# stop TEXT...: something is not as it should be; what was restarted stays so.
stop() {
  log "roll.sh: $*"
  log "stopped; restarted so far:${DONE:- none}; run this again once the cause is gone"
  exit 1
}

# settle KIND LIMIT_S OPTIONS...: wait until all are in sync; print the order to restart them in.
settle() {
  local kind=$1 limit_s=$2 TOOL_LIMIT_S=$(($2 + DOCKER_LIMIT_S))
  shift 2
  run_tool "$NETWORK" swarm settle "$kind" --timeout "$limit_s" "$@" </dev/null
}

# roll KIND: the order is asked anew after each restart, for who leads may have changed.
roll() {
  local kind=$1 order name
  log "== $kind: looking"
  order=$(settle "$kind" "$((START_LIMIT_S < LIMIT_S ? START_LIMIT_S : LIMIT_S))" --one-may-miss) ||
    stop "$kind is not in sync, and nothing of it may be restarted: see above"
  while name=$(next_of "$order"); do
    restart "$name"
    order=$(settle "$kind" "$LIMIT_S") || stop "$name was restarted, and $kind does not get in sync"
    DONE+=" $name"
  done
}

# next_of ORDER: print the first that was not restarted yet; fail where all were.
next_of() {
  local name
  for name in $1; do
    if [[ " $DONE " != *" $name "* ]]; then
      printf '%s\n' "$name"
      return
    fi
  done
  return 1
}

# restart NAME: with the settings of the stack file; where these are what it has, by force.
restart() {
  local name=$1 before update started=$SECONDS
  before=$(task_template "$name")
  [[ -n $before ]] || stop "$name is not in the stack $STACK: scripts/deploy.sh"
  update=$(update_of "$name")
  deploy_part "$STACK" --only "$name" || stop "$name: Docker refuses the stack file: see above"
  if [[ $(task_template "$name") == "$before" ]]; then
    retried ask_docker service update --force --detach --quiet "${STACK}_$name" ||
      stop "$name: docker service update failed: see above"
  fi
  wait_for_update "$name" "$update"
  printf '%s restarted in %s s\n' "$name" "$((SECONDS - started))"
}

task_template() {
  service_field "$1" '{{json .Spec.TaskTemplate}}'
}

# update_of NAME: print when the service's last update began, and how it stands.
update_of() {
  service_field "$1" '{{if .UpdateStatus}}{{.UpdateStatus.StartedAt.Unix}} {{.UpdateStatus.State}}{{end}}'
}

# wait_for_update NAME BEFORE: until an update other than the one before has ended well.
wait_for_update() {
  local name=$1 before=$2 now started=$SECONDS
  while true; do
    now=$(update_of "$name")
    if [[ ${now% *} != "${before% *}" ]]; then
      case ${now#* } in
      completed) return ;;
      paused | rollback_*) stop "$name: its update is ${now#* }: $(why "$name")" ;;
      esac
    fi
    if ((SECONDS - started > LIMIT_S)); then
      stop "$name does not run after $LIMIT_S s: $(why "$name")"
    fi
    sleep 1
  done
}

main() {
  parse_options "$@"
  need_manager
  need_stack
  choose_resolution
  case $KIND in
  all)
    roll zookeeper
    roll kafka
    ;;
  *) roll "$KIND" ;;
  esac
  if [[ $KIND != zookeeper ]]; then
    run_tool "$NETWORK" swarm elect </dev/null || stop "the preferred leaders were not elected"
    log "preferred leaders elected"
  fi
}

main "$@"
