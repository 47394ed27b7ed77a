import Foundation
import Testing

extension CgroupOwnerTests {
  @Test(
    "systemd runs in a container with a user namespace, and limits what it starts",
    .needs(.memory, .testKernel))
  func systemd() throws {
    try withSandbox { box in
      for directory in ["usr", "run", "var", "root"] { try makeDirectory(box.rootfs + "/" + directory) }
      try FileManager.default.removeItem(atPath: box.rootfs + "/bin")
      for link in ["bin", "sbin", "lib", "lib64"] { try makeLink(box.rootfs + "/" + link, to: "usr/" + link) }
      try write("root:x:0:0:root:/root:/bin/sh\n", to: box.rootfs + "/etc/passwd")
      // systemd asks for what a new machine lacks.
      try write("0123456789abcdef0123456789abcdef\n", to: box.rootfs + "/etc/machine-id")
      for path in ["", "/etc", "/var", "/root", "/etc/passwd", "/etc/machine-id"] {
        try FileManager.default.setAttributes(
          [.ownerAccountID: 100_000, .groupOwnerAccountID: 100_000], ofItemAtPath: box.rootfs + path)
      }
      box.config.mapUsers()
      box.config.enter("cgroup")
      box.config.unmount("/sys/fs/cgroup")
      box.config.mount("/sys/fs/cgroup", type: "cgroup", source: "cgroup", ["nosuid", "noexec", "nodev"])
      box.config.mount("/usr", type: "bind", source: "/usr", ["rbind", "ro"])
      box.config.mount("/run", type: "tmpfs", source: "tmpfs", ["mode=755"])
      box.config["process.env"] = ["PATH=/usr/sbin:/usr/bin", "container=oci"]
      for set in ["bounding", "effective", "permitted"] {
        box.config.append("CAP_SYS_ADMIN", to: "process.capabilities.\(set)")
      }
      box.config["process.args"] = ["/lib/systemd/systemd", "--unit=basic.target"]
      try box.detach()
      #expect(
        poll(for: 90) {
          let state = try? box.exec([], "systemctl", "is-system-running").text
          return state == "running" || state == "degraded"
        })
      let script = "cat /proc/self/cgroup; cat /sys/fs/cgroup/$(cut -d: -f3 /proc/self/cgroup)/memory.max"
      let outcome = try box.exec(
        [], "systemd-run", "--quiet", "--scope", "--unit=limited", "-p", "MemoryMax=50M", "sh", "-c", script)
      #expect(outcome.lines == ["0::/system.slice/limited.scope", "52428800"], "\(outcome)")
      try box.delete()
      expectNothingLeft(of: box)
    }
  }
}
