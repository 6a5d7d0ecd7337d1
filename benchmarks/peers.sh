#!/bin/sh
# Make the environment of the programs we compare with: benchmarks/peers.sh [PYTHON]
set -eu
here=$(dirname "$0")
"${1:-python3}" -m venv "$here/.peers"
"$here/.peers/bin/python" -m pip install --quiet -r "$here/requirements-peers.txt"
