import Foundation
import Testing

/// A sandbox with a supervisor of its own: its root, its directory of definitions, and names nobody else uses.
final class SupervisedSandbox {
  let box: Sandbox
  private(set) var daemon: Running?
  /// Options of the daemon beside those of every test.
  var options: [String] = []
  /// How many descriptors it and its keepers may have each; `nil` is as many as the test.
  var descriptors: Int?
  /// What is around it.
  var confinement: Confinement?
  /// A command that executes the daemon, whose words come behind it.
  var wrapper: [String] = []
  /// Those before it.
  private var former: [Running] = []

  /// Ends with 7 on SIGTERM, and says when it is ready for that.
  static let patient = "trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.02; done"

  init() throws {
    box = try Sandbox()
    try makeDirectory(definitions)
  }

  var definitions: String { box.scratch.path + "/partitions.d" }
  var socket: String { box.root + "/swiftjaild.sock" }
  /// Records and logs.
  var records: String { box.root + "/.supervisor" }

  /// A partition's whole name.
  func name(_ short: String) -> String { "\(box.id)-\(short)" }

  // MARK: Definitions

  /// The fields of a partition that runs a script.
  func fields(_ script: String, _ more: [String: Any] = [:]) -> [String: Any] {
    var fields: [String: Any] = [
      "rootfs": box.rootfs, "command": ["/bin/sh", "-c", script], "stopTimeout": "60s",
      "environment": ["PATH": "/bin", "SWIFTJAIL_TEST": box.id],
    ]
    for (name, value) in more { fields[name] = value }
    return fields
  }

  /// Writes a file that defines the partition that it is named after.
  func define(_ short: String, _ script: String = patient, _ more: [String: Any] = [:]) throws {
    try write([short: fields(script, more)])
  }

  func write(_ files: [String: Any]) throws {
    for (short, document) in files {
      let data = try JSONSerialization.data(withJSONObject: document, options: [.prettyPrinted, .sortedKeys])
      try data.write(to: URL(fileURLWithPath: path(short)), options: .atomic)
    }
  }

  /// The file that defines a partition.
  func path(_ short: String) -> String { "\(definitions)/\(name(short)).json" }

  // MARK: The daemon

  var program: Program {
    var program = Program(Swiftjail.supervisor, ["--root", box.root, "--config", definitions] + options)
    if let descriptors {
      let script = "ulimit -n \(descriptors); exec \"$0\" \"$@\""
      program = Program("/bin/sh", ["-c", script, program.path] + program.arguments)
    }
    if let first = wrapper.first {
      program = Program(first, wrapper.dropFirst() + [program.path] + program.arguments)
    }
    program.environment["SWIFTJAIL_TEST"] = box.id
    return confinement?.around(program) ?? program
  }

  /// Starts the daemon, and waits until it answers.
  func launch() throws {
    if let daemon { former.append(daemon) }
    let daemon = try program.start()
    self.daemon = daemon
    let answers = poll {
      guard !daemon.hasEnded, let connection = try? SupervisorConnection(socket) else {
        return daemon.hasEnded
      }
      return (try? connection.ask("GET", "/_ping").status) == 200
    }
    guard answers, !daemon.hasEnded else { throw Broken("swiftjaild does not answer: \(daemon.stderr)") }
  }

  /// Ends the daemon, at once.
  @discardableResult
  func end(_ signal: CInt) throws -> Int {
    guard let daemon else { throw Broken("there is no swiftjaild") }
    daemon.signal(signal)
    return try daemon.wait().status
  }

  /// What the daemon has said.
  var messages: String { daemon?.stderr ?? "" }

  /// Waits until the daemon has said something.
  func waitForMessage(_ text: String) throws {
    guard poll({ messages.contains(text) }) else { throw Broken("never said \(text), but: \(messages)") }
  }

  /// The keepers: one or none, unless they may have few descriptors.
  var keepers: [pid_t] {
    Snapshot.processes(marked: box.id).filter { contents("/proc/\($0)/comm")?.trimmed == "swiftjail-keep" }
  }

  // MARK: What it says

  func ask(_ method: String, _ target: String, _ body: String? = nil) throws -> SupervisorConnection.Answer {
    try SupervisorConnection(socket).ask(method, target, body)
  }

  /// What the supervisor knows of a partition; `nil` when it knows of none.
  func inspect(_ short: String) throws -> Config? {
    let answer = try ask("GET", "/containers/\(name(short))/json")
    return answer.status == 200 ? answer.document : nil
  }

  func status(_ short: String) throws -> String {
    try inspect(short)?["State.Status"] as? String ?? "none"
  }

  func pid(_ short: String) throws -> Int { try inspect(short)?["State.Pid"] as? Int ?? 0 }
  func exitCode(_ short: String) throws -> Int { try inspect(short)?["State.ExitCode"] as? Int ?? -1 }
  func restarts(_ short: String) throws -> Int { try inspect(short)?["RestartCount"] as? Int ?? -1 }

  func waitFor(_ short: String, _ status: String) throws {
    guard try poll({ try self.status(short) == status }) else {
      throw Broken("\(short) is never \(status), but \(try self.status(short)): \(messages)")
    }
  }

  /// Waits until a patient partition is, and the supervisor knows that it runs.
  func waitUntilReady(_ short: String) throws {
    try waitForOutput(short, "ready")
    try waitFor(short, "running")
  }

  /// What a partition has written, both streams as they came.
  func output(_ short: String) -> String {
    let lines = contents(logFile(short))?.lines ?? []
    return lines.compactMap { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      return object?["log"]
    }.joined()
  }

  func logFile(_ short: String) -> String {
    "\(records)/logs/\(name(short))/\(name(short))-json.log"
  }

  func waitForOutput(_ short: String, _ text: String, count: Int = 1) throws {
    let found = poll { output(short).components(separatedBy: text).count > count }
    guard found else { throw Broken("\(short) never wrote \(text), but: \(output(short))\n\(messages)") }
  }

  // MARK: Commands

  func call(_ arguments: String...) throws -> Outcome { try box.program(arguments).call() }

  @discardableResult
  func succeed(_ arguments: String...) throws -> Outcome {
    let outcome = try box.program(arguments).call()
    guard outcome.status == 0 else { throw Broken("\(outcome)\n\(messages)") }
    return outcome
  }

  // MARK: Its end

  /// Removes all partitions and ends the daemon, and with it the keeper.
  func empty() throws {
    for file in (try? FileManager.default.contentsOfDirectory(atPath: definitions)) ?? [] {
      unlink("\(definitions)/\(file)")
    }
    if daemon?.hasEnded != false { try launch() }
    let listed = try ask("GET", "/containers/json?all=1").json as? [[String: Any]] ?? []
    for id in listed.compactMap({ $0["Id"] as? String }) {
      _ = try ask("DELETE", "/containers/\(id)?force=1")
    }
    let gone = try poll { (try ask("GET", "/containers/json?all=1").json as? [Any])?.isEmpty == true }
    guard gone else { throw Broken("partitions cannot be removed: \(messages)") }
    try end(SIGTERM)
  }

  /// Ends whatever is left, and removes all files.
  func remove() {
    for running in former + [daemon].compactMap({ $0 }) { running.forget() }
    // The keeper first: what it sees end, it does not tell anybody then.
    for pid in keepers { kill(pid, SIGKILL) }
    for id in (try? call("list", "--quiet").lines) ?? [] { _ = try? call("delete", "--force", id) }
    for pid in Snapshot.processes(marked: box.id) { kill(pid, SIGKILL) }
    box.remove()
  }
}

/// Gives a sandbox with a supervisor that runs, and sees to it that nothing is left of it.
func withSupervisor(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: (SupervisedSandbox) throws -> Void
) throws {
  let site = try SupervisedSandbox()
  defer { site.remove() }
  try site.launch()
  try body(site)
  try site.empty()
  expectNothingLeft(of: site.box, "by the supervisor", sourceLocation: sourceLocation)
}
