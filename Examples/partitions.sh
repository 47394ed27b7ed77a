#!/bin/sh
# Two partitions of the running system: each has its own processes, name and network, and both write to the
# same file without meeting.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }
trap 'for name in red blue; do swiftjail delete --force "$name-$$"; done' EXIT

for name in red blue; do
  swiftjail run --image host --detach "$name-$$" -- sh -c "echo $name >/etc/colour; exec sleep 1000"
done

echo "What is running:"
swiftjail ps

for name in red blue; do
  until swiftjail exec "$name-$$" test -s /etc/colour; do sleep 0.1; done
  echo
  echo "/etc/colour in $name, its host name, and its processes as it sees them:"
  swiftjail exec "$name-$$" sh -c 'cat /etc/colour /etc/hostname; ls -d /proc/[0-9]*'
done

test ! -e /etc/colour
echo
echo "The system itself has no /etc/colour."
