#!/usr/bin/env bash
# Take the development stack down and delete all of its data: the volumes of ZooKeeper and of Kafka
# together. A broker with its old data refuses a new ZooKeeper's cluster id, so never only one.
#
# Usage: scripts/reset.sh [--yes]
#
#   --yes        do not ask
#   -h, --help   show this
#
# Exit codes: 0 done, 1 it failed or the answer was no, 2 wrong usage or a missing precondition.

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

ask() {
  if [[ -n $YES ]]; then return; fi
  [[ -t 0 ]] || die "this deletes all ticks; without a terminal to ask on, it needs --yes"
  local answer
  read -r -p "Delete the stack ${COMPOSE_PROJECT_NAME:-in phase1/} with all ticks? [y/N] " answer
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]] || {
    printf 'nothing was deleted\n' >&2
    exit 1
  }
}

parse_options "$@"
docker info >/dev/null 2>&1 || die "no Docker engine answers: start it, and run this again"
choose_project
ask
compose --profile tools down --volumes --remove-orphans || exit 1
printf 'deleted; docker compose -f phase1/docker-compose.yml up -d starts anew\n'
