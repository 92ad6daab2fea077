# shellcheck shell=bash
# shellcheck disable=SC2034  # RESOLVE_IMAGE is for deployment.sh
# What deploy.sh looks at before it changes anything: a line a check. To be sourced after nodes.sh and
# deployment.sh.

# What the stack file reserves, in MiB: a broker, a ZooKeeper, and all that is on no node of its own.
readonly BROKER_MIB=768 ZOOKEEPER_MIB=128 OTHERS_MIB=512

FAILED=()
# The brokers and ZooKeepers that run; one that does not may change here.
RUNNING=()

# pre_flight: look at everything; fail where something is not as it should be.
pre_flight() {
  find_running
  check_nodes
  check_labels
  check_memory
  check_images
  check_host
  if ((${#RUNNING[@]})); then check_cluster; fi
  if ((${#FAILED[@]} == 0)); then return; fi
  printf '\n'
  printf 'FAIL %s\n' "${FAILED[@]}"
  return 1
}

pass() { printf 'PASS %s\n' "$*"; }
skip() { printf 'SKIP %s\n' "$*"; }
fail() {
  printf 'FAIL %s\n' "$*"
  FAILED+=("$*")
}

check_nodes() {
  local name
  for name in "${NODE_NAMES[@]}"; do
    if [[ ${NODE_STATE[$name]} == ready,* && " ${LABEL_NODES[*]} " != *" $name "* ]]; then
      pass "node $name: ${NODE_STATE[$name]}, without a label"
    elif [[ ${NODE_STATE[$name]} != ready,active ]]; then
      fail "node $name: expected ready,active, observed ${NODE_STATE[$name]}: start its Docker," \
        "or docker node update --availability active $name"
    elif ! engine_is_new_enough "$name"; then
      fail "node $name: expected Docker $ENGINE_LEAST or newer, observed ${NODE_ENGINE[$name]}"
    else
      pass "node $name: ready, Docker ${NODE_ENGINE[$name]}"
    fi
  done
}

check_labels() {
  local label owners wrong=()
  for label in "${IDENTITY_LABELS[@]}"; do
    read -r -a owners <<<"${LABEL_NODES[$label]:-}"
    if ((${#owners[@]} != 1)); then wrong+=("$label on ${#owners[@]}"); fi
  done
  if [[ -z ${LABEL_NODES[$BRIDGE_LABEL]:-} ]]; then wrong+=("$BRIDGE_LABEL on 0"); fi
  if ((${#wrong[@]})); then
    fail "labels: expected each on one node, observed ${wrong[*]}: scripts/prepare-swarm.sh"
  else
    pass "labels: each on one node"
  fi
}

# check_memory: what the stack file reserves for those that stay on a node has to fit there.
check_memory() {
  local name label needed_mib memory_mib
  for name in "${NODE_NAMES[@]}"; do
    needed_mib=$OTHERS_MIB
    for label in "${IDENTITY_LABELS[@]}"; do
      [[ " ${LABEL_NODES[$label]:-} " == *" $name "* ]] || continue
      case $label in
      *kafka*) needed_mib=$((needed_mib + BROKER_MIB)) ;;
      *) needed_mib=$((needed_mib + ZOOKEEPER_MIB)) ;;
      esac
    done
    memory_mib=$((${NODE_MEMORY[$name]} / 1048576))
    if ((memory_mib < needed_mib)); then
      fail "memory of $name: expected $needed_mib MiB, observed $memory_mib MiB"
    else
      pass "memory of $name: $memory_mib MiB, $needed_mib MiB needed"
    fi
  done
}

check_images() {
  local image others=$((${#NODE_NAMES[@]} - 1))
  while read -r image; do
    if in_registry "$image"; then
      pass "image $image: in its registry"
      continue
    fi
    RESOLVE_IMAGE=never
    if ! ask_docker image inspect "$image" >/dev/null 2>&1; then
      fail "image $image: expected it in a registry or on this node, observed neither:" \
        "scripts/build-image.sh --push REGISTRY, or docker load on each node"
    elif ((others)); then
      pass "image $image: on this node"
      skip "image $image on the other nodes: no registry has it, and a manager does not see theirs"
    else
      pass "image $image: on this node"
    fi
  done < <(stack_images)
}

# check_host: the port and the disk of this node, as a container on it sees them.
check_host() {
  local line image port=(--port "${WEBSOCKET_PORT:-8080}")
  image=$(tool_image)
  if ! ask_docker image inspect "$image" >/dev/null 2>&1; then
    skip "port and disk on this node: $image is not here yet, and looks at them"
    return
  fi
  if [[ -n $(service_field websocket-bridge '{{.ID}}') ]]; then port=(); fi # it has the port
  while read -r line; do
    case $line in
    "PASS "*) pass "${line#PASS }" ;;
    *) fail "${line#FAIL }" ;;
    esac
  done < <(run_tool host swarm host ${port[@]+"${port[@]}"} </dev/null 2>&1)
  if ((${#NODE_NAMES[@]} > 1)); then
    skip "other nodes: ports, disk and clocks are not seen from here"
    skip "between the nodes: 2377/tcp, 7946/tcp+udp and 4789/udp have to be open"
  fi
}

# check_cluster: what runs already must not change here.
check_cluster() {
  local preview=$STACK-preview changed status=0
  changed=$(preview_changes "$preview") || status=$?
  ask_docker stack rm "$preview" >/dev/null 2>&1 || true
  if ((status)); then
    fail "brokers and ZooKeepers: cannot be compared with those that run: see above"
  elif [[ -n $changed ]]; then
    fail "brokers and ZooKeepers: expected no change, observed ${changed//$'\n'/; }:" \
      "scripts/roll.sh brings it to one after the other"
  else
    pass "brokers and ZooKeepers: run as the stack file wants them"
  fi
}

# preview_changes PREVIEW: print what the stack file would change of them, a line a service. They are
# deployed under another name with no replica, so that Docker itself says what it would make of them;
# nothing starts.
preview_changes() {
  deploy_part "$1" --preview-of "$STACK" || return
  specs_of "$STACK" "$1" | run_tool none swarm changes "$STACK" "$1"
}

# specs_of STACK...: print the specs of the members that run, a line each.
specs_of() {
  local owner name
  for owner in "$@"; do
    for name in "${RUNNING[@]}"; do
      ask_docker service inspect --format '{{json .Spec}}' "${owner}_$name" || return
    done
  done
}

# find_running: fill RUNNING.
find_running() {
  local name replicas
  while read -r name replicas _; do
    name=${name#"$STACK"_}
    if [[ " ${ZOOKEEPERS[*]} ${BROKERS[*]} " == *" $name "* && $replicas == 1/1 ]]; then
      RUNNING+=("$name")
    fi
  done < <(stack_replicas)
}
