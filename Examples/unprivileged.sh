#!/bin/sh
# A program that is nobody: no capability, no network, nothing to write to.
set -eu
swiftjail() { command "${SWIFTJAIL:-swiftjail}" "$@"; }

swiftjail run --image host --rm --user nobody --cap-drop ALL --read-only --network none \
  "unprivileged-$$" -- sh -c '
    id
    grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status
    tail -n +3 /proc/net/dev | cut -d: -f1
    for file in /etc/shadow /etc/passwd /root; do
      test -w $file && echo "$file can be written" && exit 1
      test -r $file && echo "$file can be read" || echo "$file cannot be read"
    done'
