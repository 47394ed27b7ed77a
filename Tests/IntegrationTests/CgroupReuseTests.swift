import Foundation
import Testing

/// Cgroups that are there already, frozen, or gone.
@Suite("Cgroups of others")
struct CgroupReuseTests {
  @Test("What another container has left of its cgroup goes, with limits, freezer and the cgroups below")
  func renewed() throws {
    try withSandbox { box in
      let directory = "\(Kernel.cgroups)/\(box.id)-left"
      try makeDirectory(directory + "/below/deep")
      defer { for path in ["/below/deep", "/below", ""] { rmdir(directory + path) } }
      try write("3", to: directory + "/cgroup.max.descendants")
      try write("1", to: directory + "/cgroup.freeze")
      box.config["linux.cgroupsPath"] = "/\(box.id)-left"
      try box.create()
      #expect(contents(directory + "/cgroup.max.descendants")?.trimmed == "max")
      #expect(contents(directory + "/cgroup.freeze")?.trimmed == "0")
      #expect(!exists(directory + "/below"))
      try box.delete()
      #expect(!exists(directory))
    }
  }

  @Test("A cgroup with processes somewhere below is left alone")
  func populatedBelow() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.cgroupsPath"] = "/\(box.id)-above/own"
      try box.detach()
      box.config["linux.cgroupsPath"] = "/\(box.id)-above"
      expectRefusal(try box.run(id: "\(box.id)-b"), saying: "has processes in it")
      try #expect(box.status() == "running")
      try box.delete()
      rmdir("\(Kernel.cgroups)/\(box.id)-above")
    }
  }

  @Test("Below a frozen cgroup nothing is started, and nothing is waited for", arguments: ["run", "create"])
  func frozen(command: String) throws {
    try withSandbox { box in
      let above = "\(Kernel.cgroups)/\(box.id)-above"
      try makeDirectory(above)
      defer { rmdir(above) }
      try write("1", to: above + "/cgroup.freeze")
      box.config["linux.cgroupsPath"] = "/\(box.id)-above/own"
      expectRefusal(try box.prepare(command).call(within: 30), saying: "frozen", "thaw \(above) ")
      #expect(!exists(above + "/own"))
      #expect(!exists("\(box.root)/\(box.id)"))
    }
  }

  @Test("exec into a container below a frozen cgroup is refused")
  func execFrozen() throws {
    try withSandbox { box in
      let above = "\(Kernel.cgroups)/\(box.id)-above"
      box.config["linux.cgroupsPath"] = "/\(box.id)-above/own"
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      defer {
        _ = try? box.call("delete", "--force", box.id)
        rmdir(above)
      }
      try write("1", to: above + "/cgroup.freeze")
      defer { try? write("0", to: above + "/cgroup.freeze") }
      #expect(poll { contents(above + "/own/cgroup.events")?.contains("frozen 1") == true })
      let outcome = try box.program(["exec", box.id, "true"]).call(within: 30)
      expectRefusal(outcome, saying: "frozen", "thaw \(above) ")
    }
  }

  @Test(
    "exec goes to the cgroup of the first process when that has left the container's and it is gone",
    arguments: [false, true])
  func moved(isMadeAgain: Bool) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let own = try LimitTests.directory(of: box)
      let other = "\(Kernel.cgroups)/\(box.id)-other"
      try makeDirectory(other)
      defer { for path in [own, other] { rmdir(path) } }
      try write(String(box.pid()), to: other + "/cgroup.procs")
      #expect(poll { rmdir(own) == 0 })
      if isMadeAgain { try makeDirectory(own) }
      let outcome = try box.exec([], "cat", "/proc/self/cgroup")
      #expect(outcome.status == 0, "\(outcome)")
      // Seen from the container's cgroup namespace, which began with its old cgroup.
      #expect(outcome.text.hasSuffix("/\(box.id)-other"), "\(outcome)")
      try box.succeed("kill", box.id, "KILL")
      try box.waitForStatus("stopped")
    }
  }
}
