#!/usr/bin/env bash
# Runs `tidegate ci` against a revision and puts its report on the page of the run. A change of what is published passes
# with a warning, for a reviewer to decide on. One that would be refused fails, and so does one that cannot be checked.
set -euo pipefail
base=$1
report=$(mktemp)
code=0

.venv/bin/tidegate ci --base "$base" --output "$report" || code=$?
case $code in
    0 | 3 | 4) cat "$report" >>"$GITHUB_STEP_SUMMARY" ;;
    *) echo "The change could not be checked. The log of this step says why." >>"$GITHUB_STEP_SUMMARY" ;;
esac
if [ "$code" -eq 3 ]; then
    echo "::warning title=tidegate ci::What is published would change. Read the report in this run's summary before you merge."
    code=0
fi
exit "$code"
