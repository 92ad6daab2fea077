#!/usr/bin/env bash
# Build the image of the producer, the consumer, the bridge and the topics, as stockstream:dev and
# stockstream-bridge:dev, which phase1/docker-compose.yml runs; and list what is in it, as CycloneDX, in
# .local/stockstream-VERSION.cdx.json: its Python packages and the dashboard's libraries. The base image's
# own Debian packages are not in that list.
#
# Usage: scripts/build-image.sh [--push REGISTRY]
#
#   --push REGISTRY   also tag it REGISTRY/stockstream:VERSION, and push that
#   -h, --help        show this
#
# PYTHON_IMAGE and NODE_IMAGE take the place of the base images, STOCKSTREAM_IMAGE and
# STOCKSTREAM_BRIDGE_IMAGE of the names; phase1/.env is read too, as compose reads it.
#
# Exit codes: 0 built, 1 the build, the list or the push failed, 2 wrong usage or a missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/envfile.sh"

REGISTRY=

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --push)
      [[ ${2:--} != -* ]] || bad_option "--push needs a registry"
      REGISTRY=${2%/}
      shift 2
      ;;
    *) bad_option "unknown option $1" ;;
    esac
  done
}

# The version that the package gives itself.
version() {
  sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$ROOT/src/stockstream/__init__.py"
}

# The commit, with -dirty where files differ from it; "unknown" outside of a repository.
revision() {
  git -C "$ROOT" describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown
}

build() {
  local name arguments=(--build-arg "VERSION=$(version)" --build-arg "REVISION=$(revision)")
  for name in PYTHON_IMAGE NODE_IMAGE; do
    if [[ -n ${!name:-} ]]; then arguments+=(--build-arg "$name=${!name}"); fi
  done
  docker build "${arguments[@]}" --tag "$IMAGE" --tag "$BRIDGE_IMAGE" "$ROOT" >&2
}

# list_content: write the bill of materials. What makes it stays as IMAGE-sbom, for the next time.
list_content() {
  local file arguments=(--build-arg "IMAGE=$IMAGE")
  if [[ -n ${PYTHON_IMAGE:-} ]]; then arguments+=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"); fi
  file=$ROOT/.local/stockstream-$(version).cdx.json
  # Called where set -e does not hold, as the push below.
  docker build "${arguments[@]}" --tag "$IMAGE-sbom" \
    --file "$ROOT/scripts/lib/sbom.Dockerfile" "$ROOT" >&2 || return
  mkdir -p "${file%/*}" || return
  docker run --rm --network none "$IMAGE-sbom" >"$file.part" || return
  mv "$file.part" "$file" || return
  printf 'bill of materials: %s\n' "${file#"$ROOT/"}" >&2
}

push() {
  local target
  target=$REGISTRY/stockstream:$(version)
  # Called where set -e does not hold: each step says itself that it failed.
  docker tag "$IMAGE" "$target" || return
  docker push "$target" >&2 || return
  printf '%s\n' "$target"
}

parse_options "$@"
take_env_file "$ROOT/phase1/.env"
readonly IMAGE=${STOCKSTREAM_IMAGE:-stockstream:dev}
readonly BRIDGE_IMAGE=${STOCKSTREAM_BRIDGE_IMAGE:-stockstream-bridge:dev}
docker info >/dev/null 2>&1 || die "no Docker engine answers: start it, and run this again"
build || exit 1
list_content || exit 1
printf '%s\n%s\n' "$IMAGE" "$BRIDGE_IMAGE"
if [[ -n $REGISTRY ]]; then push || exit 1; fi
