# shellcheck shell=bash
# The .env beside a stack's file. To be sourced after setup.sh.

# take_env_file FILE: take its variables, where the environment does not set them itself. As compose
# does it: NAME=value, perhaps in quotes or with a comment behind, and nothing is expanded or run.
# A line that is none is named by its number: what stands there may be a secret.
take_env_file() {
  local line number=0 name value
  [[ -e $1 ]] || return 0
  while read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    case $line in '' | '#'*) continue ;; esac
    [[ $line =~ ^(export[[:blank:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] ||
      die "${1#"$ROOT"/}, line $number: expected NAME=value"
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    if [[ $value =~ ^\"([^\"]*)\"([[:blank:]]+#.*)?$ || $value =~ ^\'([^\']*)\'([[:blank:]]+#.*)?$ ]]; then
      value=${BASH_REMATCH[1]}
    elif [[ $value == [\"\']* ]]; then
      die "${1#"$ROOT"/}, line $number: expected a quote at the value's end too"
    elif [[ $value =~ ^(.*[^[:blank:]])?[[:blank:]]+#.*$ ]]; then
      value=${BASH_REMATCH[1]}
    fi
    [[ -v $name ]] || export "$name=$value"
  done <"$1"
}
