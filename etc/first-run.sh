#!/bin/sh
# Tells a new user where things are, and drops a sample on the first run.
set -eu
cd "$(dirname "$0")/.."
first=no
[ -d var/state ] || first=yes
mkdir -p var/inbox var/outbox var/archive var/failed var/state
if [ "$first" = yes ]; then
  cp etc/sample.png var/.sample.png && mv var/.sample.png var/inbox/sample.png
  echo "A sample scan was dropped: watch for var/outbox/sample.txt and sample.json."
fi
echo "Drop files in    $PWD/var/inbox"
echo "Results are in   $PWD/var/outbox   (originals in var/archive, what failed in var/failed)"
echo "In another terminal: .venv/bin/scanmend status.  Ctrl-C ends."
