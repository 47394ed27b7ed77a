import Foundation
import Testing

/// Which mounts that the host makes later are seen inside, and the other way round.
@Suite("Propagation of mounts")
struct PropagationTests {
  static let values = [
    "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable",
  ]

  /// A shared mount on the host, with two directories to mount on.
  func sharedMount(in box: Sandbox) throws -> String {
    let path = box.scratch.path + "/shared"
    try makeDirectory(path)
    try #require(Glibc.mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0)
    try #require(Glibc.mount(nil, path, nil, UInt(MS_SHARED), nil) == 0)
    for name in ["outer", "inner"] { try makeDirectory("\(path)/\(name)") }
    return path
  }

  /// What a container that may mount sees of a mount that the host makes below `host` when it runs already, and the host of
  /// one that the container makes. The container has that directory at `path`.
  func exchange(_ host: String, at path: String, in box: Sandbox) throws -> (
    mount: Mount, inside: Bool, outside: Bool
  ) {
    for set in ["bounding", "effective", "permitted"] {
      box.config.append("CAP_SYS_ADMIN", to: "process.capabilities.\(set)")
    }
    let below = path == "/" ? "" : path
    box.config.shell(
      """
      cat /proc/self/mountinfo; echo ready
      until [ -e \(below)/go ]; do sleep 0.02; done
      [ -e \(below)/outer/file ] && echo seen
      mount -t tmpfs tmpfs \(below)/inner && touch \(below)/inner/file; echo end
      sleep 1000
      """)
    try box.detach()
    try box.waitForOutput("ready")
    let table = Mount.parse(box.output)
    try #require(Glibc.mount("tmpfs", host + "/outer", "tmpfs", 0, nil) == 0)
    try write("", to: host + "/outer/file")
    try write("", to: host + "/go")
    try box.waitForOutput("end")
    let mount = try #require(table.last { $0.point == path }, "\(table)")
    return (mount, box.output.lines.contains("seen"), exists(host + "/inner/file"))
  }

  @Test(
    "The root sees what the host mounts later when it is a slave, which it is by default, and the host never sees what is mounted inside",
    arguments: values + ["default"])
  func root(value: String) throws {
    try withSandbox { box in
      let host = try sharedMount(in: box)
      try Sandbox.makeRoot(at: host)
      box.config["root.path"] = host
      box.config["linux.rootfsPropagation"] = value == "default" ? nil : value
      let result = try exchange(host, at: "/", in: box)
      let isSlave = ["slave", "rslave", "default"].contains(value)
      #expect(result.inside == isSlave && !result.outside)
      let kinds = result.mount.propagation.map { $0.prefix { $0 != ":" } }
      switch value {
      case "shared", "rshared": #expect(kinds == ["shared"])
      case "unbindable", "runbindable": #expect(kinds == ["unbindable"])
      default: #expect(kinds == (isSlave ? ["master"] : []))
      }
    }
  }

  @Test(
    "A volume propagates as its options say, whatever the root does", arguments: values + ["none"],
    ["private", "rslave", "rshared", "default"])
  func volume(option: String, root: String) throws {
    try withSandbox { box in
      let host = try sharedMount(in: box)
      box.config.mount("/data", source: host, ["rbind"] + (option == "none" ? [] : [option]))
      box.config["linux.rootfsPropagation"] = root == "default" ? nil : root
      let result = try exchange(host, at: "/data", in: box)
      let isShared = option.hasSuffix("shared")
      #expect(result.inside == (isShared || option.hasSuffix("slave")))
      #expect(result.outside == isShared)
    }
  }

  @Test(
    "Mount namespaces below a container with a shared root share their mounts with it, others do not",
    arguments: ["shared", "rshared", "private", "rslave"])
  func below(value: String) throws {
    try withSandbox { box in
      for set in ["bounding", "effective", "permitted"] {
        box.config.append("CAP_SYS_ADMIN", to: "process.capabilities.\(set)")
      }
      box.config["linux.rootfsPropagation"] = value
      let output = try box.sh(
        "unshare -m --propagation shared mount -t tmpfs below /tmp; grep -c '^below /tmp' /proc/mounts; true"
      )
      #expect(output == (value.hasSuffix("shared") ? "1" : "0"))
    }
  }
}
