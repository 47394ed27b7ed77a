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
      (["sp"], ["spec"]), (["--root", "/x", "re"], ["resume"]), (["--root", "=", "/x", "re"], ["resume"]),
      (["--cgroup-m"], ["--cgroup-manager"]), (["--log-format", ""], ["text", "json"]),
      (["list", "--fo"], ["--format"]), (["list", "--format", ""], ["table", "json"]),
      (["list", "-f", "t"], ["table"]), (["list", "--format", "="], ["table", "json"]),
      (["list", "--format", "=", "j"], ["json"]), (["run", "--bundle", "/usr/bi"], ["/usr/bin"]),
      (["completion", ""], ["bash"]), (["kill", "x", "SIGTER"], ["SIGTERM"]),
      (["run", "--pid-file", "/no/"], []),
    ])
  func words(_ words: [String], _ offered: [String]) throws {
    try #expect(complete(words, program: Swiftjail.program) == Set(offered))
  }

  @Test("The name of a container is completed from those of the directory that --root gives")
  func names() throws {
    try withSandbox { box in
      box.config["process.args"] = ["/bin/sleep", "1000"]
      try box.create()
      for command in ["start", "state", "kill", "exec", "ps", "delete", "pause", "resume"] {
        let words = ["--root", box.root, command, ""]
        try #expect(complete(words, program: Swiftjail.program) == [box.id], "\(command)")
      }
      let forced = ["--root", box.root, "delete", "--force", "sjt"]
      try #expect(complete(forced, program: Swiftjail.program) == [box.id])
      try #expect(complete(["--root", box.root, "create", ""], program: Swiftjail.program) == [])
    }
  }
}
