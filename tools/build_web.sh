#!/bin/sh
# Build the front end into the package: one script, one style sheet,
# and the licences of what the script holds.
# Usage: tools/build_web.sh [FOLDER]   (default: src/imscope/report/assets)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-"$root/src/imscope/report/assets"}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
cd "$root/web"
[ -d node_modules ] || npm ci --ignore-scripts
npm run --silent check
OUT_DIR="$made" npx --no-install vite build --logLevel warn
if grep -qi '</\?script\|https\?://[a-z0-9.-]*npm' "$made/report.js" || grep -qi '</style' "$made/report.css"; then
    echo "the built files hold text that must not stand inside a page" >&2
    exit 1
fi
mkdir -p "$out"
cp "$made/report.js" "$made/report.css" "$made/THIRD_PARTY.txt" "$out/"
