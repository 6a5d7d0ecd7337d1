#!/bin/sh
# Make the environment of the peers: sh benchmarks/peers.sh FOLDER
# Then: IMSCOPE_PEERS_PYTHON=FOLDER/bin/python python benchmarks/run.py
set -eu
folder=${1:?give a folder for the environment}
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet -r "$(dirname "$0")/requirements-peers.txt"
"$folder/bin/python" -m compileall -q "$folder/lib" || true
