#!/usr/bin/env bash
# Check the repository and its stack files without starting anything: files, YAML, images, health
# checks, listeners, volumes, memory, links in the documents, shell and Python. Docker is not
# needed; where compose is installed, it is asked about the file too. Values in phase1/.env and
# phase2/.env count.
#
# Usage: scripts/validate-project.sh [phase1|phase2|all] [--online] [--json]
#
#   phase1|phase2|all   which stack files (default all)
#   --online            ask the links that lead outside, too
#   --json              print one JSON object
#   -h, --help          show this
#
# Exit codes: 0 all passed, 1 a check failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/command.sh"

run_stockstream validate-project "$@"
