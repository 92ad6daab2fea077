# shellcheck shell=bash
# shellcheck disable=SC2034  # read by the scripts that source this
# Parts of the stack file, deployed. To be sourced after swarm.sh.

# How images are named to the nodes: `always` by the digest that the registry has, `never` by tag.
RESOLVE_IMAGE=always

# stack_images: print the images of the stack file, each once, with the variables filled in.
stack_images() {
  local line
  while read -r line; do
    if [[ $line =~ ^\$\{([A-Z_]+):-(.*)\}$ ]]; then
      printf '%s\n' "${!BASH_REMATCH[1]:-${BASH_REMATCH[2]}}"
    else
      printf '%s\n' "$line"
    fi
  done < <(sed -n 's/^ *image: *//p' "$STACK_FILE") | sort -u
}

# in_registry IMAGE
in_registry() {
  timeout --foreground 15 docker manifest inspect "$1" >/dev/null 2>&1
}

# choose_resolution: set RESOLVE_IMAGE; images that no registry has are named by their tag.
choose_resolution() {
  local image
  while read -r image; do
    if ! in_registry "$image"; then
      RESOLVE_IMAGE=never
      return
    fi
  done < <(stack_images)
}

# part OPTIONS...: print a part of the stack file, as a stack file.
part() {
  run_tool none swarm part "$@" <"$STACK_FILE"
}

# deploy_part STACK OPTIONS...: deploy a part of the stack file. Docker fills its variables in.
deploy_part() {
  local stack=$1 written
  shift
  written=$(part "$@") || return
  retried deploy_text "$stack" "$written"
}

# deploy_text STACK TEXT: paths in the stack file are relative to where it is.
deploy_text() {
  cd "${STACK_FILE%/*}" && docker stack deploy --with-registry-auth \
    --resolve-image "$RESOLVE_IMAGE" --compose-file - "$1" <<<"$2"
}
