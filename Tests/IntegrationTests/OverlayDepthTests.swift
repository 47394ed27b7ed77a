import Foundation
import Testing

/// Partitions where the system itself is on overlayfs, of which the kernel stacks two at most.
@Suite("Overlays on overlays", .enabled(if: Kernel.hasPartitions))
struct OverlayDepthTests {
  /// Runs `script` where `/` is an overlay, in a mount namespace of its own. There, `/b` has the programs.
  private func onOverlay(_ box: Sandbox, _ script: String) throws -> Outcome {
    let top = box.scratch.path + "/system"
    let programs = (Swiftjail.program as NSString).deletingLastPathComponent
    let setUp = """
      set -e
      mkdir '\(top)'
      mount -t tmpfs tmpfs '\(top)'
      cd '\(top)'
      mkdir upper work root
      mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
      cd root
      for name in proc sys dev; do mount --rbind /$name $name; done
      for name in run tmp; do mount -t tmpfs tmpfs $name; done
      mkdir -p b
      mount --bind '\(programs)' b
      exec chroot . /bin/sh -c "$0"
      """
    return try Program(
      "/usr/bin/unshare", ["--mount", "--propagation", "private", "/bin/sh", "-c", setUp, script]
    ).call()
  }

  @Test("A partition of the system works on an overlay, and one in it as well")
  func nested() throws {
    try withSandbox { box in
      let inner = "echo inner >/etc/file && cat /etc/file && touch /usr/file || /usr/bin/env echo read-only"
      let outer =
        "echo outer >/usr/file && cat /usr/file && /b/swiftjail run --image host --rm c -- sh -c '\(inner)'"
      let outcome = try onOverlay(
        box, "exec /b/swiftjail run --image host --privileged --rm -v /b:/b \(box.id) -- sh -c \"\(outer)\"")
      #expect(outcome.lines == ["outer", "inner", "read-only"], "\(outcome)")
    }
  }

  @Test("A tree that can have no overlay is refused in one line that says what to do")
  func tooDeep() throws {
    try withSandbox { box in
      let inner = "mkdir -p /srv/tree && /b/swiftjail run --rootfs /srv/tree --rm c -- true"
      let outcome = try onOverlay(
        box, "exec /b/swiftjail run --image host --privileged --rm -v /b:/b \(box.id) -- sh -c '\(inner)'")
      #expect(outcome.status == 125)
      let complaints = outcome.complaints.filter { $0.hasPrefix("swiftjail: rootfs /srv/tree:") }
      #expect(complaints.count == 1 && complaints.first?.contains("copy it to another") == true, "\(outcome)")
    }
  }
}
