import Foundation
import Testing

/// `completion bash`, as bash calls it.
@Suite("Completion", .enabled(if: exists("/bin/bash")))
struct CompletionTests {
  /// What bash offers for the last of `words`, which are the command line as bash tells it apart.
  func complete(_ words: [String], program: String) throws -> Set<String> {
    let script = """
      source /dev/stdin <<<"$("$0" completion bash)"
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _swiftjail; printf '%s\\n' "${COMPREPLY[@]}"
      """
    let outcome = try Program("/bin/bash", ["-c", script, Swiftjail.program, program] + words).call()
    guard outcome.status == 0, outcome.stderr.isEmpty else { throw Broken(outcome.description) }
    return Set(outcome.lines)
  }

  @Test(
    "Commands, options and their values are completed",
    arguments: [
      (["sp"], ["spec"]), (["--root", "/x", "resu"], ["resume"]),
      (["--root", "=", "/x", "resu"], ["resume"]),
      (["--cgroup-m"], ["--cgroup-manager"]), (["--log-format", ""], ["text", "json"]),
      (["list", "--fo"], ["--format"]), (["list", "--format", ""], ["table", "json"]),
      (["list", "-f", "t"], ["table"]), (["list", "--format", "="], ["table", "json"]),
      (["list", "--format", "=", "j"], ["json"]), (["run", "--bundle", "/usr/bi"], ["/usr/bin"]),
      (["completion", ""], ["bash"]), (["kill", "x", "SIGTER"], ["SIGTERM"]),
      (["run", "--pid-file", "/no/"], []), (["check", "/usr/bi"], ["/usr/bin"]),
      (["check", "/etc", "/usr/bi"], ["/usr/bin"]), (["--socket", "/usr/bi"], ["/usr/bin"]),
      (["check", "--h"], ["--help"]),
    ])
  func words(_ words: [String], _ offered: [String]) throws {
    try #expect(complete(words, program: Swiftjail.program) == Set(offered))
  }

  @Test("The name of a container is completed from those of the directory that --root gives")
  func names() throws {
    try withSandbox { box in
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.create()
      for command in [
        "start", "state", "kill", "exec", "ps", "delete", "pause", "resume", "update", "checkpoint",
      ] {
        let words = ["--root", box.root, command, ""]
        try #expect(complete(words, program: Swiftjail.program) == [box.id], "\(command)")
      }
      let forced = ["--root", box.root, "delete", "--force", "sjt"]
      try #expect(complete(forced, program: Swiftjail.program) == [box.id])
      try #expect(complete(["--root", box.root, "create", ""], program: Swiftjail.program) == [])
    }
  }

  @Test("The name of a partition is completed from those of the supervisor, wherever it listens")
  func partitionNames() throws {
    let scratch = Scratch()
    defer { scratch.remove() }
    let supervisor = try PretendedSupervisor(
      in: scratch.path, "GET /containers/json?all=1 ", #"[{"Names": ["/site"]}, {"Names": ["/worker-1"]}]"#)
    defer { supervisor.stop() }
    let both: Set = ["site", "worker-1"]
    for place in [
      ["--socket", supervisor.socket], ["--socket", "=", supervisor.socket], ["--root", scratch.path],
    ] {
      try #expect(complete(place + ["stop", ""], program: Swiftjail.program) == both, "\(place)")
    }
    for command in ["restart", "rm", "logs", "stats", "top", "inspect"] {
      let words = ["--root", scratch.path, command]
      try #expect(complete(words + [""], program: Swiftjail.program) == both, "\(command)")
      try #expect(complete(words + ["w"], program: Swiftjail.program) == ["worker-1"], "\(command)")
      let second: Set<String> = ["logs", "top"].contains(command) ? [] : both
      try #expect(complete(words + ["site", ""], program: Swiftjail.program) == second, "\(command)")
    }
    // Containers that are to be started are not the supervisor's alone.
    for words in [["start", ""], ["start", "site", ""]] {
      try #expect(complete(["--root", scratch.path] + words, program: Swiftjail.program) == both, "\(words)")
    }
    try #expect(complete(["--root", scratch.path, "up", ""], program: Swiftjail.program) == [])
  }

  @Test("Where no supervisor listens, no partition is offered, without a complaint")
  func noSupervisor() throws {
    try #expect(complete(["--socket", "/nonexistent/socket", "stop", ""], program: Swiftjail.program) == [])
  }
}
