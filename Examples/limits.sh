#!/bin/sh
# Limits by force: a program that wants all memory, one that wants all CPUs, and one that wants all pids.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }
name=limits-$$
trap 'swiftjail delete --force $name' EXIT

cgroups=/sys/fs/cgroup
[ -e $cgroups/cgroup.controllers ] || cgroups=/sys/fs/cgroup/unified
for controller in cpu memory pids; do
  grep -qw $controller $cgroups/cgroup.controllers && continue
  echo "$cgroups has no controller \"$controller\" (cgroup v1 may have it): no limits can be shown here."
  exit 0
done

echo "At most 64 MiB of memory, for a program that wants all:"
status=0
swiftjail run --image host --memory 64m --memory-swap 64m $name -- tail /dev/zero || status=$?
echo "It exited with $status; state says:"
swiftjail state $name | grep oom
swiftjail delete $name
[ $status = 137 ]

echo
echo "Half a CPU, for a program that is busy for 2 seconds:"
swiftjail run --image host --cpus 0.5 --rm $name -- sh -c '
  used() { sed -n "s/usage_usec //p" /sys/fs/cgroup/cpu.stat; }
  before=$(used)
  timeout 2 sh -c "while :; do :; done"
  echo "It got $((($(used) - before) / 1000)) ms."'

echo
echo "At most 30 tasks, for a fork bomb:"
swiftjail run --image host --pids-limit 30 --detach --init $name -- \
  sh -c 'bomb() { while :; do bomb & done; }; bomb & exec sleep 1000' 2>/dev/null
sleep 1
echo "A second later it has $(swiftjail ps --format json $name | tr ',' '\n' | wc -l) processes, and this machine goes on:"
swiftjail run --image host --rm other-$$ -- uptime
