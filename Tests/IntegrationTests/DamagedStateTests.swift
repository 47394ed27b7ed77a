import Foundation
import Testing

/// A container whose record cannot be read, such as after a power failure.
@Suite("Damaged state")
struct DamagedStateTests {
  enum Damage: String, CaseIterable {
    case empty, zeros, truncated, missing, directory, fifo, other

    /// Does it to the record of the container `id`.
    func apply(to box: Sandbox) throws {
      let file = "\(box.root)/\(box.id)/state.json"
      let text = contents(file) ?? ""
      unlink(file)
      switch self {
      case .empty: try write("", to: file)
      case .zeros: try write(String(repeating: "\0", count: text.utf8.count), to: file)
      case .truncated: try write(String(text.prefix(text.count / 2)), to: file)
      case .missing: break
      case .directory: try makeDirectory(file + "/deep")
      case .fifo: try #require(mkfifo(file, 0o600) == 0)
      case .other: try write(text.replacingOccurrences(of: box.id, with: "other"), to: file)
      }
    }
  }

  @Test(
    "delete --force ends and removes a container whose record is damaged; until then it is listed",
    arguments: Damage.allCases)
  func damaged(damage: Damage) throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      let pid = try box.pid()
      try damage.apply(to: box)

      try #expect(box.call("list", "--quiet").lines == [box.id])
      let table = try box.call("list")
      #expect(
        table.status == 0 && table.lines.contains { $0.contains(box.id) && $0.contains("damaged") },
        "\(table)")
      let list = try box.call("list", "--format", "json").json as? [[String: Any]]
      #expect(list?.first?["status"] as? String == "damaged", "\(list ?? [])")
      let ps = try box.call("ps")
      #expect(ps.status == 0 && ps.lines.contains { $0.contains(box.id) && $0.contains("damaged") }, "\(ps)")

      for command in [["state", box.id], ["kill", box.id], ["exec", box.id, "true"], ["delete", box.id]] {
        expectRefusal(try box.program(command).call(), saying: "state.json", "delete --force \(box.id)")
      }
      expectRefusal(try box.run(), saying: "state.json", "delete --force \(box.id)")
      #expect(exists("/proc/\(pid)"), "no other command ends it")

      try box.succeed("delete", "--force", box.id)
      #expect(poll { !exists("/proc/\(pid)") })
      expectNothingLeft(of: box)
      box.config["process.args"] = ["true"]
      try #expect(box.run().status == 0, "the name is free")
    }
  }

  @Test("A partition whose record is damaged is removed with its files")
  func partition() throws {
    try withSandbox { box in
      try box.succeed("run", "--rootfs", box.rootfs, "--detach", box.id, "--", "/bin/sleep", "1000")
      #expect(exists("\(box.root)/.partitions/\(box.id)"))
      try Damage.zeros.apply(to: box)
      try box.succeed("delete", "--force", box.id)
      #expect(!exists("\(box.root)/.partitions/\(box.id)"))
      expectNothingLeft(of: box)
    }
  }

  @Test("The cgroup that its copy of the configuration names is ended too, unless another container has it")
  func namedCgroup() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.cgroupsPath"] = "/\(box.id)-named"
      try box.detach()
      let pid = try box.pid()
      let copy = contents("\(box.root)/\(box.id)/config.json") ?? ""
      try Damage.empty.apply(to: box)
      try box.succeed("delete", "--force", box.id)
      #expect(poll { !exists("/proc/\(pid)") })
      expectNothingLeft(of: box)

      // Somebody else's by now.
      try box.detach(id: "\(box.id)-b")
      try makeDirectory("\(box.root)/\(box.id)")
      try write(copy, to: "\(box.root)/\(box.id)/config.json")
      try write("", to: "\(box.root)/\(box.id)/state.json")
      try box.succeed("delete", "--force", box.id)
      try #expect(box.status(id: "\(box.id)-b") == "running")
      try box.succeed("delete", "--force", "\(box.id)-b")
    }
  }

  @Test("A supervisor removes a partition whose record is damaged, and starts it again after that")
  func supervised() throws {
    try withSupervisor { site in
      try site.define("a", SupervisedSandbox.patient)
      try site.waitUntilReady("a")
      let name = site.name("a")
      let pid = try site.box.pid(id: name)
      try write("", to: "\(site.box.root)/\(name)/state.json")
      let ps = try site.call("ps")
      #expect(ps.lines.contains { $0.contains(name) }, "\(ps)")
      try #expect(site.ask("DELETE", "/containers/\(name)?force=1").status == 204)
      #expect(poll { !exists("/proc/\(pid)") && !exists("\(site.box.root)/\(name)") })
    }
  }

  @Test("A partition starts in place of a damaged container of its name of which nothing runs, and only then")
  func restarted() throws {
    try withSupervisor { site in
      let name = site.name("a")
      let directory = "\(site.box.root)/\(name)"
      func leave() throws {
        try makeDirectory(directory)
        for file in ["state.json", "config.json"] { try write("\0\0\0\0", to: "\(directory)/\(file)") }
      }
      try leave()
      try site.define("a", SupervisedSandbox.patient)
      try site.waitUntilReady("a")

      // One that runs is another's.
      site.box.config["process.args"] = ["sleep", "1000"]
      let other = site.name("b")
      try site.box.detach(id: other)
      let pid = try site.box.pid(id: other)
      try write("", to: "\(site.box.root)/\(other)/state.json")
      let create = try site.ask(
        "POST", "/containers/create?name=\(other)", #"{"Image": "host", "Cmd": ["/bin/true"]}"#)
      #expect(create.status == 201, "\(create)")
      let start = try site.ask("POST", "/containers/\(other)/start")
      #expect(start.status >= 400 && start.message.contains("damaged"), "\(start)")
      #expect(exists("/proc/\(pid)"))
    }
  }

  @Test("delete --force removes no directory that is not a container's, and list does not take it for one")
  func foreign() throws {
    try withSandbox { box in
      // A bundle, a directory of somebody, and one with a file of another program.
      try box.writeConfig()
      let home = "\(box.root)/home"
      try makeDirectory(home + "/.config")
      try makeDirectory("\(box.root)/other")
      try write("not JSON", to: "\(box.root)/other/state.json")
      try write("x", to: "\(box.root)/other/data")
      try makeLink("\(box.root)/link", to: home)
      try makeLink("\(box.root)/bundle", to: box.bundle)
      for name in ["home", "other", "link", "bundle"] {
        expectRefusal(try box.call("delete", "--force", name), saying: "\(box.root)/\(name)")
      }
      let above = Program(Swiftjail.program, ["--root", box.scratch.path, "delete", "--force", "bundle"])
      expectRefusal(try above.call(), saying: "--root")
      try #expect(!Swiftjail.call("list", "--quiet", at: box.scratch.path).text.contains("bundle"))
      for path in [
        home + "/.config", "\(box.root)/other/data", box.bundle + "/config.json", box.rootfs + "/bin/sh",
      ] {
        #expect(exists(path))
      }
    }
  }

  @Test("A record that does not know its cgroup yet leaves the processes of another container there alone")
  func unknownCgroup() throws {
    try withSandbox { box in
      box.config["process.args"] = ["sleep", "1000"]
      box.config["linux.cgroupsPath"] = "/\(box.id)-shared"
      try box.detach()
      // What a creator leaves who is killed before it looks at the cgroup.
      let other = "\(box.id)-cut-short"
      let record = """
        {"id":"\(other)","ociVersion":"1.0.2","bundle":"\(box.bundle)","root":"\(box.rootfs)","pid":0,"startTime":0,\
        "created":1,"cgroup":"/\(box.id)-shared","namespaces":0}
        """
      try makeDirectory("\(box.root)/\(other)")
      try write(record, to: "\(box.root)/\(other)/state.json")
      _ = try box.call("kill", "--all", other, "KILL")
      try box.succeed("delete", "--force", other)
      try #expect(box.status() == "running")
      #expect(!exists("\(box.root)/\(other)"))
    }
  }
}
