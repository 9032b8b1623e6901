#!/usr/bin/env bash
# Proposes the changed requirements.lock as a pull request, and starts the gate on it. Does nothing if nothing changed.
# The branch is made new each time, so that one pull request stays open and holds the newest versions.
set -euo pipefail
branch=update-dependencies
title="Newest versions of the dependencies"

if git diff --quiet -- requirements.lock; then
    echo "requirements.lock is up to date."
    exit 0
fi
versions=$(git diff --unified=0 -- requirements.lock | grep -E '^[-+][A-Za-z0-9._-]+==' | sed 's/ *\\$//; s/ ;.*//')

git switch --quiet --force-create "$branch"
git -c user.name="github-actions[bot]" -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
    commit --quiet --message "$title" -- '*requirements.lock'
git push --quiet --force origin "$branch"

body="\`make lock\` changed these versions:

\`\`\`diff
$versions
\`\`\`"
if [ "$(gh pr list --head "$branch" --state open --json number --jq length)" -eq 0 ]; then
    gh pr create --base main --head "$branch" --title "$title" --body "$body"
else
    gh pr edit "$branch" --body "$body"
fi
# A push and a pull request that a workflow makes start no other workflow; this does.
gh workflow run ci.yml --ref "$branch"
