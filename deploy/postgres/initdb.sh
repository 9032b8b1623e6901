#!/bin/sh
# Run by the image of PostgreSQL when its volume is empty.
set -eu
psql -v ON_ERROR_STOP=1 -v tidegate_password="$TIDEGATE_PASSWORD" -U postgres -f /deploy/roles.sql
