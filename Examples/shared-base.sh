#!/bin/sh
# A file tree unpacked once is the base of any number of partitions. What one of them changes or removes is
# changed for it alone; the base stays as it is.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }
base=$(mktemp -d)
trap 'swiftjail delete --force "one-$$"; swiftjail delete --force "two-$$"; rm -r "$base"' EXIT

# Any unpacked image will do. This one is busybox and a file.
busybox=$(command -v busybox) || { echo "install busybox-static first" >&2 && exit 1; }
mkdir "$base/bin" "$base/etc"
cp "$busybox" "$base/bin/busybox"
for program in cat ls rm sh sleep; do ln -s busybox "$base/bin/$program"; done
echo "from the base" >"$base/etc/motd"

swiftjail run --rootfs "$base" "one-$$" -- sh -c 'echo "changed by one" >/etc/motd; cat /etc/motd'
swiftjail run --rootfs "$base" "two-$$" -- sh -c 'cat /etc/motd; rm /etc/motd; ls /etc'

echo "Afterwards the base still says: $(cat "$base/etc/motd")"
test "$(cat "$base/etc/motd")" = "from the base"
