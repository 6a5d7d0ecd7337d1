#!/bin/sh
# Rebuild the front end in a temporary folder and compare it with the committed files, byte by byte.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$root/tools/build_web.sh" "$made"
for name in report.js report.css THIRD_PARTY.txt; do
    cmp "$made/$name" "$root/src/imscope/report/assets/$name" || {
        echo "$name differs from its source: run tools/build_web.sh and commit the result" >&2
        exit 1
    }
done
echo "report.js and report.css are what their source makes"
