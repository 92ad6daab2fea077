# shellcheck shell=bash
# shellcheck disable=SC2034  # read by the scripts that source this
# The Swarm stack's scripts: a manager node needs Docker and bash only. What Docker knows is asked
# here; what needs Python runs in a container of the stack's own image. To be sourced after setup.sh.

source "${BASH_SOURCE[0]%/*}/envfile.sh"
take_env_file "$ROOT/phase2/.env"

readonly STACK=${STACK_NAME:-stockstream}
readonly STACK_FILE=$ROOT/phase2/docker-stack.yml
readonly NETWORK=${STACK}_back
readonly BOOTSTRAP=kafka-1:9092,kafka-2:9092,kafka-3:9092
readonly ZOOKEEPERS=(zookeeper-1 zookeeper-2 zookeeper-3)
readonly BROKERS=(kafka-1 kafka-2 kafka-3)
# A manager that has lost the others answers after a long time, or never.
readonly DOCKER_LIMIT_S=30
# As in config.py: what an option may be in seconds.
readonly LONGEST_S=86400
# What `docker run` returns where the container could not be started.
readonly NOT_STARTED=125

# log TEXT...: what goes on, beside the results.
log() {
  printf '%s\n' "$*" >&2
}

# ask_docker ARGUMENTS...: a docker command that must not hang.
ask_docker() {
  timeout --foreground "$DOCKER_LIMIT_S" docker "$@"
}

# retried COMMAND...: a change of the Swarm, made again where another one came between: the managers
# refuse what is not based on the newest version. Nothing but an error is shown.
retried() {
  local said try
  for try in {1..5}; do
    if said=$("$@" 2>&1 >/dev/null); then return; fi
    if [[ $said != *"out of sequence"* ]]; then break; fi
    sleep "$try"
  done
  log "$said"
  return 1
}

# need_manager: die with the command to run, unless this engine is a manager of a Swarm.
need_manager() {
  local state
  state=$(ask_docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' \
    2>/dev/null) || die "no Docker engine answers: start it, and run this again"
  case $state in
  "active true") ;;
  "active false") die "this node is a worker of its Swarm: run this on a manager" ;;
  locked*) die "this Swarm is locked: docker swarm unlock" ;;
  *)
    die "this engine is in no Swarm: docker swarm init --advertise-addr ADDRESS" \
      "(the address of this node that the others reach)"
    ;;
  esac
}

# stack_services: print the ids of the stack's services.
stack_services() {
  ask_docker service ls --quiet --filter "label=com.docker.stack.namespace=$STACK"
}

# stack_replicas: print each service of the stack with running/wanted.
stack_replicas() {
  ask_docker service ls --filter "label=com.docker.stack.namespace=$STACK" \
    --format '{{.Name}} {{.Replicas}}'
}

# need_stack: die where the stack is not deployed.
need_stack() {
  local found
  found=$(stack_services 2>&1) || die "Docker does not list the services: $found"
  [[ -n $found ]] || die "no stack $STACK is deployed: scripts/deploy.sh deploys it"
}

# service_field SERVICE FORMAT: print something of the stack's service, "" where there is none.
service_field() {
  ask_docker service inspect --format "$2" "${STACK}_$1" 2>/dev/null || true
}

# why SERVICE: print how its newest task is, and what the newest failed one failed of: the task that
# takes its place is there at once, and knows of nothing.
why() {
  local state error newest=
  while IFS=$'\t' read -r state error; do
    if [[ -n $error ]]; then
      printf '%s%s: %s\n' "${newest:+$newest; before that }" "$state" "$error"
      return
    fi
    newest=${newest:-$state}
  done < <(ask_docker service ps --no-trunc --format $'{{.CurrentState}}\t{{.Error}}' "${STACK}_$1")
  printf '%s\n' "$newest"
}

# tool_image: print the image of the running stack's topics; where the Swarm does not tell it, that
# of any task of ours on this node; without a stack, the one that would be deployed.
tool_image() {
  local image label=com.docker.swarm.service.name service
  image=$(service_field topics '{{.Spec.TaskTemplate.ContainerSpec.Image}}')
  for service in topics producer consumer websocket-bridge; do
    [[ -z $image ]] || break
    image=$(ask_docker ps --all --filter "label=$label=${STACK}_$service" --format '{{.Image}}') || true
    image=${image%%$'\n'*}
  done
  printf '%s\n' "${image:-${STOCKSTREAM_IMAGE:-stockstream:dev}}"
}

# run_tool NETWORK COMMAND...: run `stockstream COMMAND` in a container on the network; it is gone
# afterwards. stdin goes in. The command ends by itself; TOOL_LIMIT_S is for an engine that hangs.
run_tool() {
  local network=$1 image
  shift
  image=$(tool_image)
  timeout --foreground --kill-after 5 "${TOOL_LIMIT_S:-900}" \
    docker run --rm --interactive --init --read-only --tmpfs /tmp --cap-drop ALL \
    --security-opt no-new-privileges --log-driver none --network "$network" \
    --env "KAFKA_BOOTSTRAP_SERVERS=$BOOTSTRAP" --env STOCK_SYMBOLS --env NO_COLOR \
    "$image" "$@"
}

# facts: print what Docker knows of the stack, a line a thing: node, service, task.
facts() {
  local nodes services tasks=
  if ! nodes=$(ask_docker node ls --quiet 2>&1) || ! services=$(stack_services 2>&1); then
    printf 'problem %s\n' "$(tr '\n' ' ' <<<"$nodes ${services:-}")"
    return
  fi
  # Words on purpose: ids. What vanishes meanwhile is left out.
  # shellcheck disable=SC2086
  {
    ask_docker node inspect --format 'node {{json .}}' $nodes || true
    if [[ -n $services ]]; then
      ask_docker service inspect --format 'service {{json .}}' $services || true
      tasks=$(ask_docker service ps --quiet --no-trunc $services) || true
    fi
    if [[ -n $tasks ]]; then
      ask_docker inspect --type task --format 'task {{json .}}' $tasks || true
    fi
  } 2>/dev/null
}

# health LIMIT_S OPTIONS...: look at the stack once; the report is the tool's, and so is its status.
health() {
  local limit_s=$1 known status=0 network=$NETWORK
  local look=(swarm health --stack "$STACK" --timeout "$@")
  local TOOL_LIMIT_S=$((limit_s + DOCKER_LIMIT_S))
  known=$(
    facts
    printf 'topics-file %s\n' "$(base64 <"$ROOT/config/topics.yml" | tr -d '\n')"
  )
  if [[ $known == problem* ]]; then
    network=none
  elif ! ask_docker network inspect "$network" >/dev/null 2>&1; then
    known+=$'\n'"no-network expected the network $NETWORK, observed none: scripts/deploy.sh"
    network=none
  fi
  run_tool "$network" "${look[@]}" <<<"$known" || status=$?
  if ((status == NOT_STARTED)) && [[ $network != none ]]; then
    status=0
    known+=$'\n'"no-network no container starts on $NETWORK (docker run says why, above): where\
 docker node ls shows lost managers, docs/runbooks/node-lost.md"
    run_tool none "${look[@]}" <<<"$known" || status=$?
  fi
  case $status in
  0 | 1 | 2) ;;
  "$NOT_STARTED") die "no container of $(tool_image) starts on this node: see above" ;;
  *)
    log "${0##*/}: no report within $TOOL_LIMIT_S s (exit code $status)"
    status=1
    ;;
  esac
  return "$status"
}

# need_number OPTION TEXT MOST: end with 2 where the text is no whole number from 1 to that.
need_number() {
  if [[ ! $2 =~ ^[1-9][0-9]{0,9}$ ]] || (($2 > $3)); then
    bad_option "$1 $2: expected a whole number, 1 to $3"
  fi
}
