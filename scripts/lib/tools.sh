# shellcheck shell=bash
# shellcheck disable=SC2034  # TOOL is read by the scripts that source this
# Tools that a script alone needs, each in a virtual environment of its own. To be sourced after
# setup.sh.

# set_up_tool NAME: install what requirements/NAME.txt lists into .local/tools/NAME, and set TOOL to
# the directory with its commands. To be run by interruptible.
set_up_tool() {
  local home=$ROOT/.local/tools/$1 list=$ROOT/requirements/$1.txt python
  TOOL=$home/bin
  if cmp -s "$list" "$home/installed.txt"; then return; fi
  python=$(find_python)
  rm -rf "$home"
  step "Installing what $1 needs" install_tool "$python" "$home" "$list"
  cp "$list" "$home/installed.txt"
}

# install_tool PYTHON HOME LIST
install_tool() {
  "$1" -m venv "$2" && install_listed "$2/bin/python" "$3"
}
