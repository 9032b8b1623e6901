#!/bin/sh
# Installs the locked dependencies and this checkout into the environment whose bin folder is $1.
# uv takes 10 seconds where pip takes a minute. It reads UV_* variables and not pip's own configuration, so on a
# machine where only pip knows the way to an index, pip does the same work from the same lock.
set -eu
python=$1/python
pip="$python -m pip --quiet --disable-pip-version-check"

# The lines of one package in the lock: from its name to the first line that goes on no further.
awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock >"$1/../uv.lock.part"
$pip install --no-deps --require-hashes -r "$1/../uv.lock.part"
if ! "$python" -m uv pip install --quiet --python "$python" --require-hashes --compile-bytecode -r requirements.lock; then
    echo "uv could not install the lock; pip does the same, more slowly." >&2
    # The lock is all there is to install; asked to resolve it again, pip stumbles over extras (`gql[requests]`).
    $pip install --no-deps --require-hashes -r requirements.lock
fi
$pip install --no-deps --no-build-isolation --editable .
# Compiled once, while there is room: on a full disk Python leaves a compiled module that is cut short, and fails to import it.
"$python" -m compileall -q platform
