#!/usr/bin/env bash
# Run every check of the repository: the linters, then the tests, against a real Kafka that the
# tests start themselves. The first run sets everything up.
#
# Usage: scripts/test.sh [--all] [--kafka HOST:PORT] [-k EXPRESSION] [-x] [-v] [PATH ...] [-- ...]
#
#   --all               install what tests need first (as root, with apt), and take a test that
#                       is skipped for a failed one; the slowest are named at the end
#   --kafka HOST:PORT   use this Kafka, and skip the tests that would stop it
#   -k EXPRESSION       only the tests whose names match
#   -x                  stop at the first failure
#   -v                  a line a test
#   PATH ...            only the tests in these files or directories, one after the other
#   -- ...              everything after it goes to pytest as it stands
#   -h, --help          show this
#
# Exit codes: 0 all passed, 1 a check failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

# What `--all` installs where it is missing: command=package.
APT_PACKAGES=(
  chromium=chromium dockerd=docker.io debootstrap=debootstrap docker-compose=docker-compose
  docker-registry=docker-registry nginx=nginx-light cc=build-essential
)

ALL=
CHOSEN=
PYTEST_ARGS=()
FAILED_LINTERS=()

read_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --)
      shift
      PYTEST_ARGS+=("$@")
      return
      ;;
    --all)
      ALL=yes
      PYTEST_ARGS+=("$1" --durations=30)
      ;;
    -x | -v | --kafka=?*) PYTEST_ARGS+=("$1") ;;
    --kafka | -k)
      (($# > 1)) || bad_option "$1 needs a value"
      PYTEST_ARGS+=("$1" "$2")
      shift
      ;;
    -*) bad_option "unknown option $1" ;;
    *)
      [[ -e ${1%%::*} ]] || bad_option "no such file or directory: ${1%%::*}"
      [[ $1 == /* ]] || set -- "$PWD/$1" "${@:2}"
      PYTEST_ARGS+=("$1")
      CHOSEN=yes
      ;;
    esac
    shift
  done
}

install_missing() {
  local entry missing=()
  for entry in "${APT_PACKAGES[@]}"; do
    command -v "${entry%%=*}" >/dev/null || missing+=("${entry#*=}")
  done
  ((${#missing[@]})) || return 0
  if ((EUID)) || ! command -v apt-get >/dev/null; then
    printf 'test.sh: not installed: %s (needs root and apt); its tests fail\n' "${missing[*]}" >&2
    return 0
  fi
  step "Installing ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q && apt-get install -qy --no-install-recommends "$@"
}

# lint NAME COMMAND...: a line, and the output where there is a finding.
lint() {
  local name=$1 started=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf 'PASS %s (%s s)\n' "$name" "$((SECONDS - started))"
  else
    FAILED_LINTERS+=("$name")
    printf '%s\nFAIL %s (%s s)\n' "$output" "$name" "$((SECONDS - started))"
  fi
}

join() {
  local IFS=,
  printf '%s' "$*"
}

lint_all() {
  local started=$SECONDS shell_files=(.ci/run scripts/*.sh scripts/*/*.sh)
  lint "ruff check" ruff check .
  lint "ruff format" ruff format --check .
  lint "mypy" mypy
  lint "lint-imports" lint-imports --no-logo
  lint "shellcheck" shellcheck "${shell_files[@]}"
  lint "shfmt" shfmt -i 2 -d "${shell_files[@]}"
  printf 'Linters: %s s\n' "$((SECONDS - started))"
}

# run_tests: pytest, whose last line is the script's.
run_tests() {
  local status=0
  # Most of the tests wait most of the time.
  if [[ -z $CHOSEN ]] && (($(nproc) > 1)); then PYTEST_ARGS=(-n 3 ${PYTEST_ARGS[@]+"${PYTEST_ARGS[@]}"}); fi
  python -m pytest ${PYTEST_ARGS[@]+"${PYTEST_ARGS[@]}"} || status=$?
  case $status in
  0) ((${#FAILED_LINTERS[@]} == 0)) ;;
  4) return 2 ;; # wrong usage
  *) return 1 ;;
  esac
}

main() {
  read_options "$@"
  set_up local,test
  [[ -z $ALL ]] || install_missing
  printf 'Set-up: %s s\n' "$SECONDS"

  export PATH=$VENV/bin:$PATH
  cd "$ROOT"
  lint_all
  if ((${#FAILED_LINTERS[@]})); then
    printf 'The tests follow, but this run has failed: %s\n' "$(join "${FAILED_LINTERS[@]}")"
  fi
  run_tests
}

main "$@"
