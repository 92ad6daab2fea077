# shellcheck shell=bash
# For the scripts that are a command of the package: options go through, --help is the script's own.

source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# run_stockstream COMMAND OPTIONS...: set up what the command needs, and become it.
run_stockstream() {
  local word
  for word in "$@"; do
    if [[ $word == -h || $word == --help ]]; then
      usage
      exit
    fi
  done
  interruptible set_up_packages local
  exec "$VENV/bin/python" -m stockstream "$@"
}
