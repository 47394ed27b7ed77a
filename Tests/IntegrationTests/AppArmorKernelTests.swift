import Foundation
import Testing

@Suite("AppArmor profiles")
struct AppArmorKernelTests {
  static let isEnabled = contents("/sys/module/apparmor/parameters/enabled")?.trimmed == "Y"
  static let need = Need(name: "AppArmor", isMet: isEnabled)

  /// The program that loads profiles.
  static var parser: String? {
    let package = URL(filePath: #filePath).appending(path: "../../..").standardized.path
    return ["/sbin/apparmor_parser", "\(package)/.build/tools/sbin/apparmor_parser"].first(where: exists)
  }

  /// Loads a profile that lets programs do anything but read the file `denied`.
  func load(_ name: String, denied: String, in box: Sandbox) throws {
    if Kernel.isTestKernel, !exists("/sys/kernel/security/apparmor") {
      _ = try Program("/bin/mount", ["-t", "securityfs", "securityfs", "/sys/kernel/security"]).call()
    }
    let parser = try #require(Self.parser, "Tests/install-packages test unpacks it")
    let file = box.scratch.path + "/" + name
    let rules = "file, capability, network, signal, unix, ptrace, mount, umount, deny \(denied) r,"
    try write("profile \(name) flags=(attach_disconnected) { \(rules) }\n", to: file)
    let outcome = try Program(parser, ["--replace", "--skip-cache", file]).call()
    guard outcome.status == 0 else { throw Broken(outcome.description) }
  }

  @Test("A profile confines the program, and what exec adds; exec takes another one", .needs(need))
  func enforced() throws {
    try withSandbox { box in
      let first = box.id + "-first"
      let second = box.id + "-second"
      try load(first, denied: "/one", in: box)
      try load(second, denied: "/two", in: box)
      for file in ["one", "two"] { try write("open", to: box.rootfs + "/" + file) }
      let look = "cat /proc/self/attr/current /one /two; id -u"
      box.config["process.apparmorProfile"] = first
      box.config["process.user"] = ["uid": 7, "gid": 7]
      box.config["process.noNewPrivileges"] = true
      box.config.shell("\(look); sleep 1000")
      try box.detach()
      try box.waitForOutput("open7")
      #expect(box.output.lines == ["\(first) (enforce)", "open7"])
      for (options, name, denied) in [([], first, "one"), (["--apparmor", second], second, "two")] {
        let outcome = try box.exec(options, "sh", "-c", look)
        #expect(outcome.lines == ["\(name) (enforce)", "open7"], "\(outcome)")
        #expect(outcome.stderr.contains("'/\(denied)': Permission denied"), "\(outcome)")
      }
    }
  }

  @Test("A profile that is not loaded is an error with its name", .needs(need))
  func missing() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      expectRefusal(
        try box.exec(["--apparmor", "no-such-profile"], "true"),
        saying: "process.apparmorProfile: no-such-profile")
      try box.delete()
      box.config["process.apparmorProfile"] = "no-such-profile"
      expectRefusal(try box.run(), saying: "process.apparmorProfile: no-such-profile", "apparmor_parser")
      expectNothingLeft(of: box)
    }
  }
}
