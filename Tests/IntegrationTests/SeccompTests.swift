import Foundation
import Testing

/// The least that a filter must allow, with a default that refuses: what busybox and its C library call at their start, and
/// nothing that is for this program's sake. Without `noNewPrivileges`, `capset` comes on top.
private let minimalCalls = """
  access arch_prctl brk close dup2 execve exit exit_group fcntl fstat getcwd getegid geteuid getgid getpid getppid getrandom \
  getuid ioctl lseek lstat mmap mprotect munmap newfstatat open openat prctl pread64 prlimit64 read readlink readlinkat rseq \
  rt_sigaction rt_sigprocmask rt_sigreturn sendfile set_robust_list set_tid_address setpgid stat sysinfo uname wait4 write \
  clone fork vfork nanosleep clock_nanosleep pipe pipe2 poll statfs setuid setgid setresuid setresgid
  """.words

@Suite("linux.seccomp")
struct SeccompTests {
  static func profile(
    _ defaultAction: String, _ rules: [[String: Any]], _ more: [String: Any] = [:]
  ) -> [String: Any] {
    ["defaultAction": defaultAction, "syscalls": rules].merging(more) { $1 }
  }

  static func rule(_ names: [String], _ action: String, _ more: [String: Any] = [:]) -> [String: Any] {
    ["names": names, "action": action].merging(more) { $1 }
  }

  /// The shape of engines' defaults: calls that are allowed, some only with some arguments, on several architectures.
  static var strict: [String: Any] {
    profile(
      "SCMP_ACT_ERRNO", [rule(minimalCalls + ["capset"], "SCMP_ACT_ALLOW")],
      [
        "architectures": [
          "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
        ]
      ])
  }

  static let show =
    #"echo $(grep -E "^(Seccomp|NoNewPrivs|CapPrm|CapInh|CapAmb):" /proc/self/status | cut -f 2) $(id -u)"#

  @Test(
    "A strict filter is in force in run, create and exec, and changes no capability",
    arguments: [0, 1000], [false, true])
  func inForce(user: Int, noNewPrivileges: Bool) throws {
    try withSandbox { box in
      box.config["process.noNewPrivileges"] = noNewPrivileges
      box.config["process.user"] = ["uid": user, "gid": user]
      let before = try box.sh(Self.show).split(separator: " ").map(String.init)
      box.config["linux.seccomp"] = Self.strict
      var expected = before
      // Of Inh, Prm, Amb, NoNewPrivs, Seccomp and the user.
      expected[4] = "2"
      #expect(try box.sh(Self.show) == expected.joined(separator: " "))

      box.config.shell("\(Self.show); exec sleep 1000")
      try box.create()
      let waiting = try box.exec([], "sh", "-c", Self.show)
      #expect(waiting.text == expected.joined(separator: " "), "\(waiting)")
      try box.start()
      try box.waitForOutput(expected.joined(separator: " "))
      let running = try box.exec([], "sh", "-c", Self.show)
      #expect(running.text == expected.joined(separator: " "), "\(running)")
      try box.delete()
    }
  }

  @Test(
    "A filter that refuses capset, without noNewPrivileges, is named, and no program runs with a capability too many"
  )
  func capset() throws {
    try withSandbox { box in
      box.config["process.noNewPrivileges"] = false
      box.config["linux.seccomp"] = Self.profile("SCMP_ACT_ALLOW", [Self.rule(["capset"], "SCMP_ACT_ERRNO")])
      expectRefusal(try box.run(), saying: "linux.seccomp", "capset", "noNewPrivileges")
      expectNothingLeft(of: box)
      box.config["process.noNewPrivileges"] = true
      #expect(try box.sh("echo hello") == "hello")
    }
  }

  @Test("What a rule answers is what the program gets")
  func answers() throws {
    try withSandbox { box in
      box.config["linux.seccomp"] = Self.profile(
        "SCMP_ACT_ALLOW",
        [
          Self.rule(["mkdir", "mkdirat"], "SCMP_ACT_ERRNO", ["errnoRet": 28]),
          Self.rule(["sethostname"], "SCMP_ACT_ERRNO"),
          Self.rule(["not_a_system_call"], "SCMP_ACT_KILL"),
          Self.rule(["umask"], "SCMP_ACT_KILL_PROCESS"),
          // kill(2) with signal 10, and no other.
          Self.rule(
            ["kill"], "SCMP_ACT_ERRNO",
            ["errnoRet": 3, "args": [["index": 1, "value": 10, "op": "SCMP_CMP_EQ"]]]),
        ])
      let text = try box.sh(
        """
        mkdir /tmp/a 2>&1 | grep -o 'No space left on device'
        kill -USR1 $$ 2>&1 | grep -o 'No such process'
        kill -CONT $$ && echo continued
        sh -c 'umask 022' 2>/dev/null; echo $?
        """)
      #expect(text == "No space left on device\nNo such process\ncontinued\n159")
    }
  }

  @Test(
    "A system call newer than all of the filter's is answered ENOSYS, and an older one as the filter says")
  func newer() throws {
    guard Confinement.isAvailable else { return }
    try withSandbox { box in
      // openat2 is 437, and fchmodat2 452.
      for (newest, errno) in [("openat2", ENOSYS), ("fchmodat2", EPERM)] {
        box.config["linux.seccomp"] = Self.profile(
          "SCMP_ACT_ERRNO", [Self.rule(minimalCalls + ["capset", newest], "SCMP_ACT_ALLOW")])
        box.config["process.args"] = ["/calls"]
        try SystemCalls.write([450], to: box.rootfs + "/calls")
        let outcome = try box.run()
        #expect(Array(outcome.stdout) == [UInt8(errno)], "\(outcome)")
      }
    }
  }

  @Test(
    "What the specification does not have is refused by its path, before anything is done",
    arguments: [
      ("linux.seccomp.defaultAction", #"{"defaultAction": "SCMP_ACT_NONE"}"#),
      ("linux.seccomp.defaultAction", #"{"defaultAction": "SCMP_ACT_NOTIFY"}"#),
      ("linux.seccomp.defaultErrnoRet", #"{"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}"#),
      ("linux.seccomp.flags[0]", #"{"defaultAction": "SCMP_ACT_KILL", "flags": ["x"]}"#),
      ("linux.seccomp.architectures[0]", #"{"defaultAction": "SCMP_ACT_KILL", "architectures": ["X86"]}"#),
      (
        "linux.seccomp.syscalls[0].names",
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_KILL"}]}"#
      ),
      (
        "linux.seccomp.syscalls[0].errnoRet",
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "errnoRet": 1}]}"#
      ),
      (
        "linux.seccomp.syscalls[0].args[0].index",
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}"#
      ),
      (
        "linux.seccomp.listenerPath",
        #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}"#
      ),
      (
        "linux.seccomp.syscalls[0].names[1]",
        #"{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/l", "syscalls": [{"names": ["mount", "write"], "action": "SCMP_ACT_NOTIFY"}]}"#
      ),
    ])
  func refusals(path: String, profile: String) throws {
    try withSandbox { box in
      box.config["linux.seccomp"] = try JSONSerialization.jsonObject(with: Data(profile.utf8))
      expectRefusal(try box.run(), saying: path)
      expectNothingLeft(of: box)
    }
  }
}
