#!/bin/sh
# Stands for the script of the same name of the Java clients: MEMORY CLASS ARGUMENTS...
# MEMORY is accepted and without effect. RENDERAPI_PYTHON names the Python to use.
# As with the Java clients, a --help that was given exits with 1: nothing was done.
set -eu
if [ "$#" -lt 2 ]; then
    echo "usage: $0 MEMORY CLASS ARGUMENTS..." >&2
    exit 1
fi
shift
asked=
for word in "$@"; do
    [ "$word" != --help ] || asked=yes
done
here=$(cd "$(dirname "$0")" && pwd -P)
packages=$(cd "$here/../../.." && pwd -P)
ours="import sys
from renderapi.client import scripts
sys.exit(str(scripts.directory()) != sys.argv[1])"

# The first Python that imports the package this script lies in: that of the installation around
# it, that of a virtual environment beside it or in use, that of the path.
for python in "${RENDERAPI_PYTHON:-}" "$packages/../../../bin/python" "$packages/.venv/bin/python" \
    "${VIRTUAL_ENV:-/nowhere}/bin/python" python3 python; do
    [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 || continue
    if "$python" -c "$ours" "$here" >/dev/null 2>&1; then
        [ -n "$asked" ] || exec "$python" -m renderapi.client "$@"
        "$python" -m renderapi.client "$@" || true
        exit 1
    fi
done
echo "$0: no Python found that imports renderapi from $packages; set RENDERAPI_PYTHON" >&2
exit 1
