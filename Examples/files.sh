#!/bin/sh
# What a partition may see and write: volumes, directories in memory, and a root that is read-only.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }
directory=$(mktemp -d)
trap 'rm -r "$directory"' EXIT
mkdir "$directory/input" "$directory/output"
echo "3 1 2" >"$directory/input/numbers"
echo "ORDER=-r" >"$directory/settings"

swiftjail run --image host --rm --read-only --tmpfs /tmp:size=1m \
  --volume "$directory/input:/input:ro" --volume "$directory/output:/output" \
  --env-file "$directory/settings" --workdir /tmp \
  "files-$$" -- sh -c '
    tr " " "\n" </input/numbers >lines     # /tmp is in memory
    sort $ORDER lines >/output/sorted      # this one stays
    for file in /input/new /usr/new; do
      if touch $file 2>/dev/null; then echo "$file: could be written"; else echo "$file: is read-only"; fi
    done'

echo "It left in the output:" && cat "$directory/output/sorted"
test "$(head -n 1 "$directory/output/sorted")" = 3
test ! -e "$directory/input/new"
