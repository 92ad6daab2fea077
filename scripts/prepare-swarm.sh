#!/usr/bin/env bash
# Label the Swarm's nodes, so that each broker and each ZooKeeper has a node of its own, where its
# volumes stay. One node takes all of it; three share it. A second run does nothing.
#
# Usage: scripts/prepare-swarm.sh [--nodes NODE[,NODE,NODE]] [--move]
#
#   --nodes NODES   one node, or three, by their host names, in the order of the identities 1, 2, 3
#                   (default: the only node, or the first three by name)
#   --move          take a label away from the node that has it: the volume stays behind, and the
#                   broker or ZooKeeper begins with an empty one on the new node
#   -h, --help      show this
#
# Labels: stockstream.kafka-N, stockstream.zookeeper-N and stockstream.bridge, each =true.
#
# Exit codes: 0 labelled, 1 a label would have to move, or a node does not fit, 2 wrong usage or a
# missing precondition.

set -Eeuo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/swarm.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/nodes.sh"

GIVEN=
MOVE=
CHOSEN=()
STEPS=()
REFUSED=

parse_options() {
  while (($#)); do
    case $1 in
    -h | --help)
      usage
      exit
      ;;
    --nodes)
      [[ -n ${2:-} ]] || bad_option "--nodes needs the names of one node, or of three"
      GIVEN=$2
      shift
      ;;
    --move) MOVE=yes ;;
    *) bad_option "unknown option $1" ;;
    esac
    shift
  done
}

# choose_nodes: set CHOSEN to the one node, or the three, that take the identities 1, 2, 3.
choose_nodes() {
  local name names=("${NODE_NAMES[@]}")
  if [[ -n $GIVEN ]]; then IFS=, read -r -a names <<<"$GIVEN"; fi
  for name in "${names[@]}"; do
    [[ -n ${NODE_STATE[$name]:-} ]] ||
      die "--nodes $name: expected a node of this Swarm, which are ${NODE_NAMES[*]}"
  done
  if [[ -n $GIVEN ]]; then
    ((${#names[@]} == 1 || ${#names[@]} == 3)) ||
      die "--nodes $GIVEN: expected one node, or three, got ${#names[@]}"
  elif ((${#names[@]} == 2)); then
    die "two nodes: expected one, or three and more (two cannot outvote a lost one);" \
      "--nodes ${names[0]} takes one of them"
  fi
  CHOSEN=("${names[@]:0:3}")
}

check_engines() {
  local name
  for name in "${CHOSEN[@]}"; do
    engine_is_new_enough "$name" || {
      log "$name: expected Docker $ENGINE_LEAST or newer, observed ${NODE_ENGINE[$name]}: upgrade it"
      REFUSED=yes
    }
  done
}

# plan_identity LABEL: the one node that has it keeps it, unless --nodes names another one.
plan_identity() {
  local label=$1 node owner owners
  read -r -a owners <<<"${LABEL_NODES[$label]:-}"
  if ((${#owners[@]} == 1)) && [[ -z $GIVEN ]]; then return; fi
  node=$(wanted_node "$label")
  if [[ ${owners[*]:-} == "$node" ]]; then return; fi
  if ((${#owners[@]})) && [[ -z $MOVE ]]; then
    log "$label: expected on $node, observed on ${owners[*]}, with its volume: --move takes the" \
      "label there, and leaves the volume behind"
    REFUSED=yes
    return
  fi
  for owner in ${owners[@]+"${owners[@]}"}; do
    if [[ $owner != "$node" ]]; then STEPS+=("$owner --label-rm $label"); fi
  done
  if [[ " ${owners[*]:-} " != *" $node "* ]]; then STEPS+=("$node --label-add $label=true"); fi
}

# wanted_node LABEL: print the node that the label belongs on: that of its number. Where the nodes
# are not given, and the others of its kind are spread otherwise, the one that has none of them.
wanted_node() {
  local kind=${1%-*} number=${1##*-} name nodes=("${CHOSEN[@]}")
  if ((${#CHOSEN[@]} == 1)); then number=1; fi
  if [[ -z $GIVEN ]] && ((${#CHOSEN[@]} == 3)); then
    nodes=("${CHOSEN[number - 1]}" "${CHOSEN[@]}")
    number=1
    for name in "${nodes[@]}"; do
      if ! carries_kind "$name" "$kind"; then
        nodes=("$name")
        break
      fi
    done
  fi
  printf '%s\n' "${nodes[number - 1]}"
}

# carries_kind NODE KIND: whether it carries kafka-1, kafka-2 or kafka-3.
carries_kind() {
  local label
  for label in "$2"-{1,2,3}; do
    if [[ " ${LABEL_NODES[$label]:-} " == *" $1 "* ]]; then return; fi
  done
  return 1
}

# plan_bridges: a bridge on each chosen node; where some are placed already, only as --nodes says.
plan_bridges() {
  local name
  if [[ -z $GIVEN && -n ${LABEL_NODES[$BRIDGE_LABEL]:-} ]]; then return; fi
  for name in "${CHOSEN[@]}"; do
    if [[ " ${LABEL_NODES[$BRIDGE_LABEL]:-} " != *" $name "* ]]; then
      STEPS+=("$name --label-add $BRIDGE_LABEL=true")
    fi
  done
}

# take_steps: NODE OPTION LABEL, one after the other.
take_steps() {
  local step name option label
  for step in ${STEPS[@]+"${STEPS[@]}"}; do
    read -r name option label <<<"$step"
    retried ask_docker node update "$option" "$label" "${NODE_ID[$name]}" || exit 1
    if [[ $option == --label-add ]]; then
      printf '%s: %s\n' "$name" "$label"
    else
      printf '%s: %s taken away\n' "$name" "$label"
    fi
  done
  if ((${#STEPS[@]} == 0)); then printf 'nothing to do: the nodes carry their labels\n'; fi
}

main() {
  local label
  parse_options "$@"
  need_manager
  read_nodes
  choose_nodes
  check_engines
  for label in "${IDENTITY_LABELS[@]}"; do plan_identity "$label"; done
  plan_bridges
  # All of it, or nothing.
  if [[ -n $REFUSED ]]; then
    log "nothing was changed"
    exit 1
  fi
  take_steps
}

main "$@"
