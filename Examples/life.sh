#!/bin/sh
# A partition from start to end: detached, looked at, entered, paused, signalled, removed.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }
name=life-$$
trap 'swiftjail delete --force $name' EXIT
status() { swiftjail state $name | sed -n 's/.*"status": "\(.*\)".*/\1/p'; }

swiftjail run --image host --detach --init $name -- sleep 1000
echo "After run --detach it is $(status)."

swiftjail exec --env GREETING=hello $name sh -c 'echo "$GREETING from $(hostname), process $$"'
swiftjail ps $name

swiftjail pause $name
echo "After pause it is $(status)."
swiftjail resume $name
echo "After resume it is $(status)."

swiftjail kill $name TERM
until [ "$(status)" = stopped ]; do sleep 0.1; done
echo "After kill TERM it is $(status)."

swiftjail delete $name
swiftjail list --quiet | grep -x $name && exit 1
echo "After delete it is gone."
