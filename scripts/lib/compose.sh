# shellcheck shell=bash
# The development stack's compose: v2 where it is there, else 1.29; and the project that is meant.
# To be sourced after setup.sh.

source "${BASH_SOURCE[0]%/*}/envfile.sh"

readonly PHASE_DIRECTORY=$ROOT/phase1
readonly COMPOSE_LABEL=com.docker.compose.project

# compose ARGUMENTS...: run whichever program is there on the stack's file.
compose() {
  local file=$PHASE_DIRECTORY/docker-compose.yml
  if docker compose version >/dev/null 2>&1; then
    docker compose -f "$file" "$@"
  elif docker-compose version >/dev/null 2>&1; then
    docker-compose -f "$file" "$@"
  else
    die "neither docker compose nor docker-compose is installed"
  fi
}

# choose_project: set COMPOSE_PROJECT_NAME, where it is not set, to the project that runs the file
# here; without any, to what .env or the file's directory says, as compose does.
choose_project() {
  # Looked at first, in any case: compose shows a line that it cannot read.
  (take_env_file "$PHASE_DIRECTORY/.env") || exit
  if [[ -z ${COMPOSE_PROJECT_NAME:-} ]]; then
    local here=()
    mapfile -t here < <(stacks | while IFS=$'\t' read -r name directory; do
      if [[ $directory -ef $PHASE_DIRECTORY ]]; then printf '%s\n' "$name"; fi
    done | sort -u)
    if ((${#here[@]} > 1)); then
      die "the stack runs as ${here[*]}: set COMPOSE_PROJECT_NAME to one of them"
    fi
    COMPOSE_PROJECT_NAME=${here[0]:-}
  fi
  if [[ -z $COMPOSE_PROJECT_NAME ]]; then
    unset COMPOSE_PROJECT_NAME
    take_env_file "$PHASE_DIRECTORY/.env"
  fi
  export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-${PHASE_DIRECTORY##*/}}
}

# stacks: a line a container that compose has made, with its project and the directory of its file,
# which may be another name of the same place.
stacks() {
  docker ps --all --filter "label=$COMPOSE_LABEL.working_dir" \
    --format "{{.Label \"$COMPOSE_LABEL\"}}{{\"\\t\"}}{{.Label \"$COMPOSE_LABEL.working_dir\"}}"
}
