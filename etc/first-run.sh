#!/bin/sh
# Tell a new user where the folders are. On the first run, drop a sample and show its result.
set -eu
cd "$(dirname "$0")/.."
first=no
[ -d var/state ] || first=yes
mkdir -p var/inbox var/outbox var/archive var/failed var/state
echo "Drop files in    $PWD/var/inbox"
echo "Results are in   $PWD/var/outbox   (originals in var/archive, failures in var/failed)"
echo "In another terminal: .venv/bin/scanmend status.  Ctrl-C stops the daemon."
if [ "$first" = yes ]; then
  cp etc/sample.png var/.sample.png && mv var/.sample.png var/inbox/sample.png
  echo "A sample was dropped: a worn invoice. Its result appears here in a moment."
  .venv/bin/python etc/show_result.py --wait 300 var/outbox/sample.json &
fi
