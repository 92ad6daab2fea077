# shellcheck shell=bash
# The development stack's compose: v2 where it is there, else 1.29. To be sourced after setup.sh.

readonly COMPOSE_FILE_PATH=$ROOT/phase1/docker-compose.yml

# compose ARGUMENTS...: run whichever program is there on the stack's file.
compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose -f "$COMPOSE_FILE_PATH" "$@"
  elif docker-compose version >/dev/null 2>&1; then
    docker-compose -f "$COMPOSE_FILE_PATH" "$@"
  else
    die "neither docker compose nor docker-compose is installed"
  fi
}

# choose_project: set COMPOSE_PROJECT_NAME to the project that runs the file here, unless it is set;
# without any, to what .env or the file's directory says.
choose_project() {
  if [[ -n ${COMPOSE_PROJECT_NAME:-} ]]; then return; fi
  local label=com.docker.compose.project projects=()
  mapfile -t projects < <(docker ps --all --filter "label=$label.working_dir=$ROOT/phase1" \
    --format "{{.Label \"$label\"}}" | sort -u)
  if ((${#projects[@]} > 1)); then
    die "the stack runs as ${projects[*]}: set COMPOSE_PROJECT_NAME to one of them"
  fi
  if ((${#projects[@]})); then export COMPOSE_PROJECT_NAME=${projects[0]}; fi
}
