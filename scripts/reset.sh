#!/usr/bin/env bash
# Take the development stack down and delete all of its data: the volumes of ZooKeeper and of Kafka
# together. A broker with its old data refuses a new ZooKeeper's cluster id, so never only one.
#
# Usage: scripts/reset.sh [--yes]
#
#   --yes        do not ask
#   -h, --help   show this
#
# The stack is found by its directory; COMPOSE_PROJECT_NAME names it where several run.
#
# Exit codes: 0 done, or there was nothing; 1 it failed or the answer was no; 2 wrong usage or a
# missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/compose.sh"

YES=

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --yes) YES=1 ;;
    *) bad_option "unknown option $1" ;;
    esac
    shift
  done
}

# check_ours: a project of this name may be another checkout's, whose containers are not ours.
check_ours() {
  local name directory
  while IFS=$'\t' read -r name directory; do
    [[ $name != "$COMPOSE_PROJECT_NAME" || $directory -ef $PHASE_DIRECTORY ]] ||
      die "the project $name runs ${directory/#"$HOME"/\~}, not this checkout: end it there"
  done < <(stacks)
}

# list_parts: fill CONTAINERS and VOLUMES with what there is of the project.
list_parts() {
  local filter=(--filter "label=$COMPOSE_LABEL=$COMPOSE_PROJECT_NAME")
  mapfile -t CONTAINERS < <(docker ps --all --quiet "${filter[@]}")
  mapfile -t VOLUMES < <(docker volume ls --quiet "${filter[@]}")
}

ask() {
  if [[ -n $YES ]]; then return; fi
  [[ -t 0 ]] || die "this deletes all ticks; without a terminal to ask on, it needs --yes"
  local answer
  printf 'Project %s: %s containers, and the volumes %s\n' \
    "$COMPOSE_PROJECT_NAME" "${#CONTAINERS[@]}" "${VOLUMES[*]:-(none)}" >&2
  read -r -p "Delete all of it, with all ticks? [y/N] " answer || answer=
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]] || {
    printf 'nothing was deleted\n' >&2
    exit 1
  }
}

main() {
  parse_options "$@"
  docker info >/dev/null 2>&1 || die "no Docker engine answers: start it, and run this again"
  local given=${COMPOSE_PROJECT_NAME:-}
  choose_project
  check_ours
  list_parts
  if ((${#CONTAINERS[@]} + ${#VOLUMES[@]} == 0)); then
    # A name that was given is rather misspelt.
    [[ -z $given ]] ||
      die "COMPOSE_PROJECT_NAME=$given: expected the name of a stack, observed nothing of that name"
    printf 'nothing to delete: there is no container and no volume of %s\n' "$COMPOSE_PROJECT_NAME"
    return
  fi
  ask
  compose --profile tools down --volumes --remove-orphans || exit 1
  printf 'deleted; docker compose -f phase1/docker-compose.yml up -d starts anew\n'
}

main "$@"
