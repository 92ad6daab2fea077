#!/usr/bin/env bash
# Make src/stockstream/local/jars.sha256 anew, the SHA-256 of each of Kafka's jars, after VERSION in
# jars.py has changed: fetch them from Maven Central, compare each with the SHA-1 that is published
# beside it, and list them. A jar that is listed already must not have changed.
#
# Usage: scripts/pin-jars.sh
#
#   -h, --help   show this
#
# It prints the jars that are new (+) and gone (-). Look at the difference before you commit it.
#
# Exit codes: 0 listed, 1 a jar cannot be had or is not what it should be, 2 wrong usage or a missing
# precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

while (($#)); do
  case $1 in
  -h | --help)
    usage
    exit
    ;;
  *) bad_option "unknown option $1" ;;
  esac
done

interruptible set_up_packages local
exec "$VENV/bin/python" -m stockstream.local.pin
