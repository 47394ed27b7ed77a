#!/bin/sh
# The bundle beside this script, step by step as a container engine does it.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }
here=$(dirname "$0")
name=hello-$$
bundle=$(mktemp -d)
trap 'swiftjail delete --force $name; rm -r "$bundle"' EXIT

# A bundle is a config.json and a file tree.
busybox=$(command -v busybox) || { echo "install busybox-static first" >&2 && exit 1; }
cp "$here/config.json" "$bundle"
mkdir -p "$bundle/rootfs/bin"
cp "$busybox" "$bundle/rootfs/bin/busybox"
ln -s busybox "$bundle/rootfs/bin/sh"

swiftjail create --bundle "$bundle" $name
swiftjail state $name | grep '"status"'
swiftjail start $name
until swiftjail state $name | grep -q '"status": "stopped"'; do sleep 0.1; done
swiftjail delete $name

# Or all of it at once:
swiftjail run --bundle "$bundle" $name
