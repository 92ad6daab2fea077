# shellcheck shell=bash
# shellcheck disable=SC2034  # read by the scripts that source this
# The Swarm's nodes, by their host names, with the stack's labels. To be sourced after swarm.sh.

readonly ENGINE_LEAST=20.10
readonly BRIDGE_LABEL=stockstream.bridge
readonly IDENTITY_LABELS=(
  "${ZOOKEEPERS[@]/#/stockstream.}" "${BROKERS[@]/#/stockstream.}"
)

NODE_NAMES=()
declare -A NODE_ID NODE_STATE NODE_ENGINE NODE_MEMORY LABEL_NODES

# read_nodes: fill the arrays; LABEL_NODES has the names of the nodes that carry a label, spaced.
read_nodes() {
  local ids id name state engine memory labels label
  ids=$(ask_docker node ls --quiet) || die "Docker does not list the nodes: see above"
  while read -r name id state engine memory labels; do
    [[ -z ${NODE_ID[$name]:-} ]] ||
      die "two nodes are called $name: one that has left is taken away with docker node rm ID"
    NODE_NAMES+=("$name")
    NODE_ID[$name]=$id
    NODE_STATE[$name]=$state
    NODE_ENGINE[$name]=$engine
    NODE_MEMORY[$name]=$memory
    for label in $labels; do LABEL_NODES[$label]+="${LABEL_NODES[$label]:+ }$name"; done
  done < <(node_lines "$ids" | sort)
}

# node_lines IDS: a line a node: name, id, state, engine, memory in bytes, its labels that are true.
node_lines() {
  # shellcheck disable=SC2016,SC2086  # Docker's variables; words on purpose: ids
  ask_docker node inspect --format \
    '{{.Description.Hostname}} {{.ID}} {{.Status.State}},{{.Spec.Availability}} {{.Description.Engine.EngineVersion}} {{.Description.Resources.MemoryBytes}}{{range $name, $value := .Spec.Labels}}{{if eq $value "true"}} {{$name}}{{end}}{{end}}' \
    $1
}

# engine_is_new_enough NODE
engine_is_new_enough() {
  local version=${NODE_ENGINE[$1]} least_major=${ENGINE_LEAST%.*} least_minor=${ENGINE_LEAST#*.}
  [[ $version =~ ^([0-9]+)\.([0-9]+) ]] || return 1
  local major=$((10#${BASH_REMATCH[1]})) minor=$((10#${BASH_REMATCH[2]}))
  ((major > least_major || (major == least_major && minor >= least_minor)))
}
