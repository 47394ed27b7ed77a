import Foundation
import Testing

/// A bundle with a small busybox root, a state root of its own, and an id nobody else uses.
final class Sandbox {
  let scratch: Scratch
  /// Unique on this machine: a name that shows up in mounts, cgroups and processes.
  let id: String
  var config: Config
  /// What comes before every command.
  var globalOptions: [String] = []

  /// The directory for `--root`.
  var root: String { scratch.path + "/state" }
  var bundle: String { scratch.path + "/bundle" }
  var rootfs: String { bundle + "/rootfs" }
  /// Where the output of containers started by `create` and `run --detach` goes.
  private var detached: [Running] = []
  private var ids: Set<String> = []

  static let applets = """
    sh cat ls true false echo sleep id mount umount head tail grep touch stat mkdir rm ln readlink hostname \
    env pwd kill ps tr dd wc stty date mknod chmod chown od seq yes cut awk sed tty cp mv df ip sysctl \
    timeout nc uname unshare chroot find which printenv md5sum test sync sort setsid mkfifo nsenter
    """.words

  init() throws {
    id = "sjt-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    guard let spec = Swiftjail.spec,
      let object = try JSONSerialization.jsonObject(with: spec) as? [String: Any]
    else { throw Broken("`\(Swiftjail.program) spec --bundle DIR` wrote no config.json") }
    scratch = Scratch()
    config = Config(object: object)
    config["process.terminal"] = false
    config["process.env"] = ["PATH=/bin", "HOME=/", "SWIFTJAIL_TEST=\(id)"]
    config["process.args"] = ["/bin/true"]
    config["root.readonly"] = false
    config["process.rlimits"] = nil
    config["hostname"] = "jail"
    // Device rules are another test's matter.
    config["linux.resources"] = nil
    // The tests are root in the container and look at what the kernel refuses, not at what root may do.
    let capabilities = [
      "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_ADMIN",
    ]
    for set in ["bounding", "effective", "permitted"] { config["process.capabilities.\(set)"] = capabilities }
    for set in ["inheritable", "ambient"] { config["process.capabilities.\(set)"] = nil }

    do {
      try makeDirectory(root)
      try Self.makeRoot(at: rootfs)
    } catch {
      scratch.remove()
      throw error
    }
  }

  static func makeRoot(at path: String) throws {
    for directory in ["bin", "proc", "sys", "dev", "tmp", "etc"] { try makeDirectory(path + "/" + directory) }
    try Executable.copy("/bin/busybox", to: path + "/bin/busybox")
    for applet in applets { try makeLink(path + "/bin/" + applet, to: "busybox") }
  }

  func writeConfig() throws {
    // Whole, for those who start while another reads it.
    try config.data.write(to: URL(fileURLWithPath: bundle + "/config.json"), options: .atomic)
  }

  /// A command line of the program, with this sandbox's state root.
  func program(_ arguments: [String]) -> Program {
    var program = Program(Swiftjail.program, ["--root", root] + globalOptions + arguments)
    program.environment["SWIFTJAIL_TEST"] = id
    return program
  }

  func call(_ arguments: String...) throws -> Outcome { try program(arguments).call() }

  /// `run` in the foreground, to its end.
  func run(_ options: [String] = [], id: String? = nil) throws -> Outcome {
    try prepare("run", options, id: id).call()
  }

  /// Writes the bundle; gives a `run` or `create` that can be adapted before it is started.
  func prepare(_ command: String, _ options: [String] = [], id: String? = nil) throws -> Program {
    try writeConfig()
    let id = id ?? self.id
    ids.insert(id)
    return program([command, "--bundle", bundle] + options + [id])
  }

  /// Runs a script in a container and gives what it printed; anything but status 0 is the test's failure.
  func sh(_ script: String) throws -> String {
    config.shell(script)
    let outcome = try run()
    guard outcome.status == 0 else { throw Broken(outcome.description) }
    return outcome.text
  }

  /// `create`, or `run --detach`, of a container that goes on; its output is in `output`.
  @discardableResult
  func launch(_ command: String, _ options: [String] = [], id: String? = nil) throws -> Outcome {
    let running = try prepare(command, options, id: id).start()
    detached.append(running)
    let outcome = try running.wait()
    guard outcome.status == 0 else { throw Broken(outcome.description) }
    return outcome
  }

  func create(_ options: [String] = [], id: String? = nil) throws { try launch("create", options, id: id) }

  func detach(_ options: [String] = [], id: String? = nil) throws {
    try launch("run", ["--detach"] + options, id: id)
  }

  func start() throws { try succeed("start", id) }
  func delete() throws { try succeed("delete", "--force", id) }

  /// What the last container that was created or detached has printed so far.
  var output: String { detached.last?.text ?? "" }

  /// Waits until the detached container has printed a text.
  func waitForOutput(_ text: String) throws {
    guard poll({ output.contains(text) }) else { throw Broken("never printed \(text), but: \(output)") }
  }

  @discardableResult
  func succeed(_ arguments: String...) throws -> Outcome {
    let outcome = try program(arguments).call()
    guard outcome.status == 0 else { throw Broken(outcome.description) }
    return outcome
  }

  func exec(_ options: [String] = [], _ command: String..., id: String? = nil) throws -> Outcome {
    try program(["exec"] + options + [id ?? self.id] + command).call()
  }

  func state(id: String? = nil) throws -> [String: Any] {
    let outcome = try call("state", id ?? self.id)
    guard outcome.status == 0, let state = outcome.json as? [String: Any] else {
      throw Broken(outcome.description)
    }
    return state
  }

  func status(id: String? = nil) throws -> String { try state(id: id)["status"] as? String ?? "none" }

  func pid(id: String? = nil) throws -> Int {
    guard let pid = try state(id: id)["pid"] as? Int, pid > 0 else { throw Broken("state has no pid") }
    return pid
  }

  func waitForStatus(_ wanted: String) throws {
    guard try poll({ try status() == wanted }) else { throw Broken("never \(wanted), but \(try status())") }
  }

  /// Kills what this sandbox started and removes all its files.
  func remove() {
    for id in ids { _ = try? call("delete", "--force", id) }
    for running in detached { running.forget() }
    scratch.remove()
  }
}

/// Gives a sandbox and removes it, whatever the test does.
func withSandbox<Result>(_ body: (Sandbox) throws -> Result) throws -> Result {
  let sandbox = try Sandbox()
  defer { sandbox.remove() }
  return try body(sandbox)
}

/// A refusal: not 0, and one line that says each of the words, in any case.
func expectRefusal(
  _ outcome: Outcome, saying words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status != 0, "it ought to fail: \(outcome)", sourceLocation: sourceLocation)
  #expect(outcome.complaints.count == 1, "one line says why: \(outcome)", sourceLocation: sourceLocation)
  for word in words {
    #expect(
      outcome.stderr.lowercased().contains(word.lowercased()), "it says “\(word)”: \(outcome)",
      sourceLocation: sourceLocation)
  }
}
