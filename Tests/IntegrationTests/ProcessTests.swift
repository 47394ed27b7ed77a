import Foundation
import Testing

@Suite("The process")
struct ProcessTests {
  /// A line of /proc/self/status inside.
  func status(_ name: String, in box: Sandbox) throws -> String {
    let line = try box.sh("grep ^\(name): /proc/self/status")
    return String(line.dropFirst(name.count + 1)).trimmed
  }

  @Test("Each of the five capability sets is what the bundle says")
  func capabilities() throws {
    try withSandbox { box in
      // ambient ⊆ permitted ∩ inheritable, and a program run by root gets bounding | inheritable again:
      // so the user is another one, and what it gets is what is ambient.
      box.config["process.user"] = ["uid": 1000, "gid": 1000]
      box.config["process.capabilities"] = [
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_TIME"],
        "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
        "effective": ["CAP_CHOWN"],
        "inheritable": ["CAP_CHOWN", "CAP_NET_RAW"],
        "ambient": ["CAP_CHOWN"],
      ]
      let output = try box.sh("grep ^Cap /proc/self/status").lines.map(\.words)
      let sets = Dictionary(uniqueKeysWithValues: output.map { ($0[0], UInt64($0[1], radix: 16) ?? 99) })
      #expect(sets["CapBnd:"] == 1 << 0 | 1 << 5 | 1 << 13 | 1 << 25)
      #expect(sets["CapInh:"] == 1 << 0 | 1 << 13)
      #expect(sets["CapAmb:"] == 1 << 0)
      #expect(sets["CapPrm:"] == 1 << 0)
      #expect(sets["CapEff:"] == 1 << 0)
    }
  }

  @Test("Root has the bounding set and no more")
  func rootCapabilities() throws {
    try withSandbox { box in
      for set in ["bounding", "permitted", "effective"] {
        box.config["process.capabilities.\(set)"] = ["CAP_KILL", "CAP_AUDIT_WRITE"]
      }
      let output = try box.sh("grep ^Cap /proc/self/status").lines.map(\.words)
      let sets = Dictionary(uniqueKeysWithValues: output.map { ($0[0], UInt64($0[1], radix: 16) ?? 99) })
      let wanted: UInt64 = 1 << 5 | 1 << 29
      #expect(sets == ["CapInh:": 0, "CapPrm:": wanted, "CapEff:": wanted, "CapBnd:": wanted, "CapAmb:": 0])
    }
  }

  @Test("Without any capability, another user's file stays closed to root")
  func noCapability() throws {
    try withSandbox { box in
      box.config["process.capabilities"] = [String: Any]()
      try write("closed", to: box.rootfs + "/etc/closed", mode: 0o600)
      chown(box.rootfs + "/etc/closed", 5, 5)
      try #expect(box.sh("cat /etc/closed 2>&1; true").contains("Permission denied"))
    }
  }

  @Test("no_new_privs is what the bundle says", arguments: [true, false])
  func noNewPrivileges(value: Bool) throws {
    try withSandbox { box in
      box.config["process.noNewPrivileges"] = value
      try #expect(status("NoNewPrivs", in: box) == (value ? "1" : "0"))
    }
  }

  @Test(
    "Resource limits are what the bundle says",
    arguments: [
      ("RLIMIT_NOFILE", "Max open files", 100, 200), ("RLIMIT_CORE", "Max core file size", 0, 0),
      ("RLIMIT_FSIZE", "Max file size", 1_048_576, 2_097_152),
      ("RLIMIT_STACK", "Max stack size", 1 << 20, 1 << 23),
      ("RLIMIT_CPU", "Max cpu time", 50, 60),
    ])
  func limit(name: String, line: String, soft: Int, hard: Int) throws {
    try withSandbox { box in
      box.config["process.rlimits"] = [["type": name, "soft": soft, "hard": hard]]
      let output = try box.sh("grep '^\(line)' /proc/self/limits").dropFirst(line.count)
      #expect(Array(String(output).words.prefix(2)) == ["\(soft)", "\(hard)"])
    }
  }

  @Test("An unknown limit, and the same limit twice, are refused")
  func badLimits() throws {
    try withSandbox { box in
      box.config["process.rlimits"] = [["type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1]]
      expectRefusal(try box.run(), saying: "RLIMIT_NONSENSE")
      let limit: [String: Any] = ["type": "RLIMIT_CORE", "soft": 1, "hard": 1]
      box.config["process.rlimits"] = [limit, limit]
      expectRefusal(try box.run(), saying: "process.rlimits[1]")
    }
  }

  @Test("The umask is what the bundle says, 0022 when it says nothing", arguments: [0o027, nil])
  func umask(value: Int?) throws {
    try withSandbox { box in
      box.config["process.user.umask"] = value
      try #expect(box.sh("umask") == (value == nil ? "0022" : "0027"))
    }
  }

  @Test("The out-of-memory score is what the bundle says")
  func oomScore() throws {
    try withSandbox { box in
      box.config["process.oomScoreAdj"] = 500
      try #expect(box.sh("cat /proc/self/oom_score_adj") == "500")
    }
  }

  @Test(
    "Kernel parameters of the container's namespaces are set, the host's are not touched",
    arguments: [
      "net.ipv4.ip_forward": "1", "net.core.somaxconn": "99", "kernel.msgmax": "7777",
      "fs.mqueue.msg_max": "11",
    ])
  func sysctl(name: String, value: String) throws {
    let path = "/proc/sys/" + name.replacingOccurrences(of: ".", with: "/")
    let before = contents(path)
    try withSandbox { box in
      box.config["linux.sysctl"] = [name: value]
      try #expect(box.sh("cat \(path)") == value)
      #expect(contents(path) == before)
    }
  }

  @Test("A kernel parameter of the whole host is refused", arguments: ["vm.swappiness", "kernel.panic"])
  func hostSysctl(name: String) throws {
    try withSandbox { box in
      box.config["linux.sysctl"] = [
        name: contents("/proc/sys/" + name.replacingOccurrences(of: ".", with: "/"))?.trimmed ?? "1"
      ]
      expectRefusal(try box.run(), saying: name)
    }
  }

  @Test("A network parameter without a network namespace is refused")
  func networkSysctl() throws {
    try withSandbox { box in
      box.config.leave("network")
      box.config.unmount("/sys")
      box.config["linux.sysctl"] = ["net.core.somaxconn": "4096"]
      expectRefusal(try box.run(), saying: "net.core.somaxconn")
    }
  }

  @Test("A kernel parameter's name cannot lead out of /proc/sys")
  func sysctlEscape() throws {
    try withSandbox { box in
      box.config["linux.sysctl"] = ["net/../kernel/panic": "0"]
      expectRefusal(try box.run(), saying: "net/../kernel/panic")
    }
  }

  @Test("User, group and further groups are what the bundle says")
  func user() throws {
    try withSandbox { box in
      box.config["process.user"] = ["uid": 1000, "gid": 1001, "additionalGids": [5, 60000]]
      let output = try box.sh("grep -E '^(Uid|Gid|Groups)' /proc/self/status").lines.map(\.words)
      #expect(output[0] == ["Uid:", "1000", "1000", "1000", "1000"])
      #expect(output[1] == ["Gid:", "1001", "1001", "1001", "1001"])
      #expect(output[2] == ["Groups:", "5", "60000"])
    }
  }

  @Test("No group of the caller is inherited")
  func noGroups() throws {
    try withSandbox { box in
      try #expect(status("Groups", in: box) == "")
    }
  }

  @Test("The working directory is what the bundle says")
  func directory() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/some/where")
      box.config["process.cwd"] = "/some/where"
      try #expect(box.sh("pwd; readlink /proc/self/cwd").lines == ["/some/where", "/some/where"])
    }
  }

  @Test("The environment is the bundle's, and nothing of the caller's")
  func environment() throws {
    try withSandbox { box in
      box.config["process.env"] = ["PATH=/bin", "HOME=/tmp", "A=1", "EMPTY=", "SPACE=a b=c", "A=2"]
      box.config["process.args"] = ["/bin/env"]
      var run = try box.prepare("run")
      run.environment["FROM_THE_HOST"] = "1"
      let lines = try run.call().lines
      #expect(
        Set(lines.filter { !$0.hasPrefix("A=") }) == ["PATH=/bin", "HOME=/tmp", "EMPTY=", "SPACE=a b=c"])
      #expect(lines.last { $0.hasPrefix("A=") } == "A=2")
    }
  }

  @Test("An empty HOME is the user's home directory", arguments: [["HOME="], ["HOME=/tmp", "HOME="], []])
  func emptyHome(variables: [String]) throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/etc")
      try write("root:x:0:0::/root:/bin/sh\nweb:x:7:7::/srv/web:/bin/sh\n", to: box.rootfs + "/etc/passwd")
      box.config["process.env"] = ["PATH=/bin"] + variables
      box.config["process.user"] = ["uid": 7, "gid": 7]
      box.config["process.args"] = ["/bin/env"]
      try #expect(box.run().lines.filter { $0.hasPrefix("HOME=") } == ["HOME=/srv/web"])
    }
  }

  @Test("A variable that is not NAME=VALUE is refused", arguments: ["NAME", "=value", "", "="])
  func wrongVariable(variable: String) throws {
    try withSandbox { box in
      box.config["process.env"] = ["PATH=/bin", variable]
      let outcome = try box.run()
      #expect(outcome.status != 0)
      #expect(outcome.stderr.contains("process.env[1]: \"\(variable)\" is not NAME=VALUE"), "\(outcome)")
    }
  }

  @Test("A name without a slash is looked for in the container's PATH")
  func path() throws {
    try withSandbox { box in
      try makeDirectory(box.rootfs + "/opt")
      try write("#!/bin/sh\necho found $0 $1\n", to: box.rootfs + "/opt/tool", mode: 0o755)
      box.config["process.env"] = ["PATH=/nowhere:/opt:/bin"]
      box.config["process.args"] = ["tool", "it"]
      let outcome = try box.run()
      #expect(outcome.text == "found /opt/tool it", "\(outcome)")
    }
  }

  @Test("Arguments arrive as they are, empty ones and odd ones too")
  func arguments() throws {
    try withSandbox { box in
      let odd = ["", " ", "a\nb", "\"quoted\"", "ünï", "$HOME", "\\"]
      box.config["process.args"] = ["/bin/sh", "-c", "printf '%s|' \"$@\"", "sh"] + odd
      try #expect(box.run().text == odd.joined(separator: "|") + "|")
    }
  }

  @Test("Only the standard descriptors are open")
  func descriptors() throws {
    try withSandbox { box in
      // 3 is the directory that ls itself reads.
      box.config["process.args"] = ["ls", "/proc/self/fd"]
      try #expect(box.run().lines == ["0", "1", "2", "3"])
    }
  }

  @Test("Signals are neither blocked nor ignored")
  func signals() throws {
    try withSandbox { box in
      box.config["process.args"] = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
      let outcome = try box.run()
      // glibc's posix_spawn ignores its own two signals, 32 and 33, in what these tests start.
      let masks = outcome.lines.compactMap { UInt64($0.words.last ?? "", radix: 16).map { $0 & ~(3 << 31) } }
      #expect(masks == [0, 0], "\(outcome)")
    }
  }

  @Test("The container leads a session of its own")
  func session() throws {
    try withSandbox { box in
      box.config["process.args"] = ["awk", "{ print $1, $5, $6 }", "/proc/self/stat"]
      try #expect(box.run().text == "1 1 1")
    }
  }
}
