import Foundation
import Testing

extension AppArmorKernelTests {
  // CVE-2019-16884, CVE-2019-19921 and CVE-2025-52881: a volume over procfs, or over its directory of labels, takes the label
  // that the runtime writes. A build that opens the file by its path fails both cases.
  @Test(
    "A volume over procfs takes no profile away, neither from a container nor from what joins it",
    .needs(need),
    arguments: ["/proc", "/proc/self/attr"])
  func coveredProc(destination: String) throws {
    try withSandbox { box in
      let profile = box.id + "-profile"
      try load(profile, denied: "/secret", in: box)
      try write("password", to: box.rootfs + "/secret")
      let volume = box.scratch.path + "/volume"
      for process in ["", "self/attr/", "thread-self/attr/"] {
        for file in ["exec", "current", "apparmor/exec", "apparmor/current"] {
          let path = "\(volume)/\(process)\(file)"
          try makeDirectory(URL(filePath: path).deletingLastPathComponent().path)
          try write("", to: path)
        }
      }
      box.config.mount(destination, type: "bind", source: volume, ["rbind", "rw"])
      box.config["process.apparmorProfile"] = profile
      box.config["linux.maskedPaths"] = [String]()
      box.config["linux.readonlyPaths"] = [String]()
      box.config.shell("cat /secret; sleep 1000")
      let started = try box.prepare("run", ["--detach"]).call()
      // It may well be refused.
      guard started.status == 0 else { return expectNothingLeft(of: box) }
      // The host's procfs knows.
      let label = try contents("/proc/\(box.pid())/attr/current") ?? ""
      #expect(label.hasPrefix(profile), "\(label)")
      let exec = try box.exec([], "/bin/cat", "/secret")
      #expect(exec.status != 0 && !exec.text.contains("password"), "\(exec)")
      try box.delete()
    }
  }
}
