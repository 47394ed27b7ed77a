import Foundation
import Testing

/// CPUs that a container's cgroup gives, and those of its callers.
@Suite(
  "The CPUs of commands inside",
  .enabled(if: Kernel.has("cpuset") && ProcessInfo.processInfo.activeProcessorCount > 1))
struct AffinityKernelTests {
  private static let script = "grep ^Cpus_allowed_list: /proc/self/status"

  @Test("A command that is begun on a CPU which is not the container's goes on on the container's")
  func initial() throws {
    try withSandbox { box in
      box.config["linux.resources"] = ["cpu": ["cpus": "1"]]
      box.config["process.args"] = ["sleep", "1000"]
      try box.detach()
      var process = Config(object: [
        "args": ["sh", "-c", Self.script], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0],
      ])
      let file = box.scratch.path + "/process.json"
      for affinity in [["initial": "0"], ["initial": "0", "final": "1"], [:]] {
        process["execCPUAffinity"] = affinity
        try process.data.write(to: URL(fileURLWithPath: file))
        let outcome = try box.exec(["--process", file])
        #expect(outcome.text.words.last == "1", "\(outcome)")
      }
      let exec = box.program(["exec", box.id, "sh", "-c", Self.script])
      let bound = Program("/usr/bin/taskset", ["-c", "0", exec.path] + exec.arguments)
      try #expect(bound.call().text.words.last == "1")
    }
  }
}
