#!/usr/bin/env bash
# Ask an advisory database for known vulnerabilities of the packages in requirements/*.txt, those of the
# image, of the tests and of the tools. It sends the names and versions of the packages.
#
# Usage: scripts/audit-packages.sh [--service pypi|osv] [LIST ...]
#
#   --service NAME   whom to ask: PyPI (the default) or OSV
#   LIST ...         only these, such as image (requirements/image.txt)
#   -h, --help       show this
#
# A line a package that has a vulnerability (FAIL) or was not found (SKIP), then the totals.
#
# Exit codes: 0 no known vulnerability, 1 there are some, 2 the database cannot be reached or does not
# know a package, wrong usage, or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/tools.sh"

SERVICE=pypi
LISTS=()

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --service)
      [[ ${2:-} == pypi || ${2:-} == osv ]] || bad_option "--service needs pypi or osv"
      SERVICE=$2
      shift
      ;;
    -*) bad_option "unknown option $1" ;;
    *)
      [[ -f $ROOT/requirements/$1.txt ]] || bad_option "there is no requirements/$1.txt"
      LISTS+=("$ROOT/requirements/$1.txt")
      ;;
    esac
    shift
  done
}

set_up_both() {
  set_up_packages local
  set_up_tool audit
}

main() {
  parse_options "$@"
  if ((${#LISTS[@]} == 0)); then LISTS=("$ROOT"/requirements/*.txt); fi
  interruptible set_up_both
  export PIP_AUDIT_VULNERABILITY_SERVICE=$SERVICE
  exec "$VENV/bin/python" -m stockstream.ops.advisories "$TOOL/pip-audit" "${LISTS[@]}"
}

main "$@"
