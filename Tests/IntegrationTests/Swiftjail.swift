import Foundation

/// The programs under test: `$SWIFTJAIL`, or the package's own release build, and what is beside it.
enum Swiftjail {
  static let program: String =
    ProcessInfo.processInfo.environment["SWIFTJAIL"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent(".build/release/swiftjail").path

  /// Whether the program needs no libraries, as one that was built to be released.
  static let isStatic: Bool = {
    let head = FileHandle(forReadingAtPath: program)?.readData(ofLength: 4096) ?? Data()
    return head.range(of: Data("/ld-linux".utf8)) == nil
  }()

  /// The supervisor's program.
  static let supervisor = program + "d"

  /// Runs the program to its end.
  static func call(_ arguments: String..., at root: String) throws -> Outcome {
    try Program(program, ["--root", root] + arguments).call()
  }

  /// What `spec` writes, as bytes: read once, and the starting point of every test's bundle.
  static let spec: Data? = {
    let directory = Scratch()
    defer { directory.remove() }
    guard let outcome = try? Program(program, ["spec", "--bundle", directory.path]).call(),
      outcome.status == 0
    else { return nil }
    return FileManager.default.contents(atPath: directory.path + "/config.json")
  }()
}

/// How a program ended and what it wrote.
struct Outcome: CustomStringConvertible {
  /// The command line, for messages.
  let command: String
  /// The exit status; 128 + the signal when a signal ended the program itself.
  let status: Int
  let stdout: Data
  let stderr: String

  /// Standard output as text, without white space at its ends.
  var text: String { String(decoding: stdout, as: UTF8.self).trimmed }
  var lines: [String] { text.lines }
  var json: Any? { try? JSONSerialization.jsonObject(with: stdout, options: [.fragmentsAllowed]) }
  /// The lines of standard error.
  var complaints: [String] { stderr.trimmed.lines }

  var description: String {
    "`\(command)` ended with \(status)\nstdout: \(text.prefix(4000))\nstderr: \(stderr.prefix(4000))"
  }
}

/// Something in the test's own footing failed, so the behaviour under test was never reached.
struct Broken: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Where a program's standard input comes from.
enum Input {
  case null, closed
  case descriptor(CInt)
}

/// Where a program's standard output or error goes; `.file` is read into the outcome.
enum Output {
  case file, closed
  case descriptor(CInt)
}

/// A program about to be started. Output goes to files, so that a detached container which keeps
/// the descriptors open never holds up the test.
struct Program {
  var path: String
  var arguments: [String]
  var environment: [String: String] = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
  var stdin = Input.null
  var stdout = Output.file
  var stderr = Output.file
  /// Descriptors of the test that the program gets as 3, 4, …
  var extra: [CInt] = []
  /// A terminal's path: it becomes the controlling terminal and all three standard descriptors.
  var terminal: String?

  init(_ path: String, _ arguments: [String]) {
    self.path = path
    self.arguments = arguments
  }

  func call(within seconds: Double = patience) throws -> Outcome {
    let running = try start()
    defer { running.forget() }
    return try running.wait(within: seconds)
  }

  func start() throws -> Running {
    let scratch = Scratch()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }

    // Sources are moved out of the way first: 3, 4, … may be in use as sources themselves.
    let sources = extra.map { fcntl($0, F_DUPFD_CLOEXEC, 200) }
    defer { for source in sources { close(source) } }

    if let terminal {
      posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0)
      posix_spawn_file_actions_adddup2(&actions, 0, 1)
      posix_spawn_file_actions_adddup2(&actions, 0, 2)
    } else {
      switch stdin {
      case .null: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
      case .closed: posix_spawn_file_actions_addclose(&actions, 0)
      case .descriptor(let fd): posix_spawn_file_actions_adddup2(&actions, fd, 0)
      }
      for (target, output, name) in [(CInt(1), stdout, "stdout"), (2, stderr, "stderr")] {
        switch output {
        case .file:
          let flags = O_WRONLY | O_CREAT | O_APPEND
          posix_spawn_file_actions_addopen(&actions, target, scratch.path + "/" + name, flags, 0o644)
        case .closed: posix_spawn_file_actions_addclose(&actions, target)
        case .descriptor(let fd): posix_spawn_file_actions_adddup2(&actions, fd, target)
        }
      }
    }
    for (index, source) in sources.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, source, CInt(3 + index))
    }
    // The test's own descriptors close on exec; those of the libraries it runs in may not.
    for other in CInt(3 + sources.count)..<200 { posix_spawn_file_actions_addclose(&actions, other) }

    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (terminal == nil ? 0 : 0x80)  // SETSID
    posix_spawnattr_setflags(&attributes, Int16(flags))

    let argv = cStrings([path] + arguments)
    let envp = cStrings(environment.map { "\($0.key)=\($0.value)" })
    defer { for pointer in argv + envp { free(pointer) } }

    var pid: pid_t = 0
    let code = Executable.lock.withLock { posix_spawnp(&pid, path, &actions, &attributes, argv, envp) }
    guard code == 0 else {
      scratch.remove()
      throw Broken("cannot start \(path): \(String(cString: strerror(code)))")
    }
    return Running(pid: pid, command: ([path] + arguments).joined(separator: " "), scratch: scratch)
  }
}

/// A started program.
final class Running {
  let pid: pid_t
  let command: String
  private let scratch: Scratch
  private var ended: Int?

  init(pid: pid_t, command: String, scratch: Scratch) {
    self.pid = pid
    self.command = command
    self.scratch = scratch
  }

  var stdout: Data { FileManager.default.contents(atPath: scratch.path + "/stdout") ?? Data() }
  var stderr: String {
    String(decoding: FileManager.default.contents(atPath: scratch.path + "/stderr") ?? Data(), as: UTF8.self)
  }
  var text: String { String(decoding: stdout, as: UTF8.self).trimmed }

  /// The outcome once the program has ended; past the deadline it is killed and the test fails.
  func wait(within seconds: Double = patience) throws -> Outcome {
    let inTime = poll(for: seconds) { self.hasEnded }
    if !inTime {
      kill(pid, SIGKILL)
      _ = poll(for: 10) { self.hasEnded }
      throw Broken("`\(command)` still ran after \(seconds) s\nstdout: \(text)\nstderr: \(stderr)")
    }
    return Outcome(command: command, status: ended ?? -1, stdout: stdout, stderr: stderr)
  }

  var hasEnded: Bool {
    if ended != nil { return true }
    var status: CInt = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return false }
    ended = status & 0x7f == 0 ? Int(status >> 8 & 0xff) : 128 + Int(status & 0x7f)
    return true
  }

  func signal(_ number: CInt) { if !hasEnded { kill(pid, number) } }

  /// Ends the program if it still runs and removes what was kept of its output.
  func forget() {
    signal(SIGKILL)
    _ = poll(for: 10) { self.hasEnded }
    scratch.remove()
  }
}
