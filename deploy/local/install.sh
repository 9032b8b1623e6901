#!/bin/sh
# Installs what the lock $2 has, and this checkout, into the environment whose bin folder is $1.
# uv takes 10 seconds where pip takes a minute. It reads UV_* variables and not pip's own configuration, so on a
# machine where only pip knows the way to an index, pip does the same work from the same lock.
# Nothing but this checkout is compiled: Python keeps the compiled form of what is imported, a quarter of all.
set -eu
lock=${2:-requirements.lock}
python=$1/python
pip="$python -m pip --quiet --disable-pip-version-check"

# What installs is not part of what is installed: uv and the build backend of this checkout.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
for tool in uv setuptools; do
    # The lines of one package in the lock: from its name to the first line that goes on no further.
    awk -v first="$tool==" 'index($0, first) == 1 { found = 1 } found { print } found && !/\\$/ { exit }' requirements.lock
done >"$tools/lock"
$pip install --no-deps --no-compile --require-hashes --target "$tools/packages" -r "$tools/lock"

# The lock is all there is to install; asked to resolve it again, either stumbles over extras (`gql[requests]`).
if ! "$tools/packages/bin/uv" pip install --quiet --python "$python" --no-deps --require-hashes -r "$lock"; then
    echo "uv could not install the lock; pip does the same, more slowly." >&2
    $pip install --no-deps --no-compile --require-hashes -r "$lock"
fi

# What is only there for those who develop these packages or read their pages in another language: their tests, what leads a
# browser's debugger back to the UI's source, and the names of days and months in a thousand languages.
if [ "$lock" != requirements.lock ]; then
    packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    for package in matplotlib numpy pandas; do
        find "$packages/$package" -type d -name tests -prune -exec rm -rf {} +
    done
    find "$packages/dagster_webserver" -name '*.map' -delete
    find "$packages/babel/locale-data" -name '*.dat' ! -name root.dat ! -name 'en*.dat' -delete
fi

PYTHONPATH=$tools/packages $pip install --no-deps --no-build-isolation --editable .
# Compiled once, while there is room: on a full disk Python leaves a compiled module that is cut short, and fails to import it.
"$python" -m compileall -q platform
