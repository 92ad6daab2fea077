#!/usr/bin/env bash
# Run all of stockstream on this machine, without Docker: a real Kafka, the producer, the bridge
# and the dashboard. The first start sets everything up; later ones take seconds and no network.
# Ctrl-C stops it.
#
# Usage: scripts/run-local.sh [--port PORT] [--symbols AAPL,MSFT] [--interval SECONDS] [--fresh]
#
#   --port PORT         where the dashboard listens (default 8080)
#   --symbols SYMBOLS   the stocks, with commas between
#   --interval SECONDS  time between two ticks of a stock; 0 is as fast as it goes (default 1)
#   --fresh             drop the ticks that earlier runs have left
#   -h, --help          show this
#
# Exit codes: 0 stopped on request, 1 a part has failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

check_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --fresh | --port=?* | --symbols=?* | --interval=?*) shift ;;
    --port | --symbols | --interval)
      (($# > 1)) || bad_option "$1 needs a value"
      shift 2
      ;;
    *) bad_option "unknown option $1" ;;
    esac
  done
}

check_options "$@"
set_up local
exec "$VENV/bin/python" -m stockstream local "$@"
