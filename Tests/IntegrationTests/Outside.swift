import Foundation
import Testing

/// Files of the host that a successful attack would read, change or execute.
struct Outside {
  /// What is in them. It is never to be printed by anything in a container.
  static let secret = "host secret"

  /// A directory on the host, outside of the container.
  let path: String
  private let before: [String]

  init(of box: Sandbox) throws {
    path = box.scratch.path + "/outside"
    try makeDirectory(path + "/place")
    try write(Self.secret, to: path + "/file")
    try write("", to: path + "/ptmx")
    try write("#!/bin/sh\necho \(Self.secret)\n", to: path + "/program", mode: 0o755)
    before = Self.state(of: path)
  }

  /// Each file with what changes when it is written to, linked, or given to somebody else.
  private static func state(of path: String) -> [String] {
    let below = FileManager.default.subpaths(atPath: path) ?? []
    return ([""] + below.sorted()).map { name in
      var status = stat()
      guard lstat(path + "/" + name, &status) == 0 else { return "\(name): gone" }
      return """
        \(name): inode \(status.st_ino), mode \(status.st_mode), owner \(status.st_uid):\(status.st_gid), \
        size \(status.st_size), changed \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)
        """
    }
  }

  /// Expects that the files are as they were, and that what a container printed is not theirs.
  func expectUntouched(
    by outcome: Outcome? = nil, _ attack: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(Self.state(of: path) == before, "\(attack)", sourceLocation: sourceLocation)
    guard let outcome else { return }
    #expect(
      !(outcome.text + outcome.stderr).contains(Self.secret), "\(attack): \(outcome)",
      sourceLocation: sourceLocation)
  }

  /// How a link in a root filesystem can name a place of the host.
  enum Way: String, CaseIterable, Sendable {
    case absolute, upwards, process, first, nested

    /// The target of a link in the root's top.
    func target(_ path: String) -> String {
      switch self {
      case .absolute: path
      case .upwards: "../../../../../../../../../.." + path
      case .process: "/proc/self/root" + path
      case .first: "/proc/1/root" + path
      case .nested: "/etc/again/file/.." + path
      }
    }
  }
}

/// Somebody on the host's side of a directory that is shared with a container, who changes it while the container starts.
final class Racer {
  private let running: Running

  /// Runs `body` of Perl in `directory` without end. `exchange($a, $b)` there makes two names change places.
  init(in directory: String, _ body: String) throws {
    running = try Program(
      "perl",
      [
        "-e",
        """
        chdir '\(directory)' or die;
        sub exchange { my ($a, $b) = @_; syscall(\(CallNumber.renameat2), -100, $a, -100, $b, 2) }
        while (1) { \(body) }
        """,
      ]
    ).start()
  }

  func stop() { running.forget() }

  /// How long each race goes on, in seconds. A minute in development: `SWIFTJAIL_RACE_SECONDS=60`.
  static let seconds = Double(ProcessInfo.processInfo.environment["SWIFTJAIL_RACE_SECONDS"] ?? "") ?? 1

  /// Repeats `start` for as long as a race goes on, and prints how often that was when a length is given.
  static func race(_ name: String, _ start: () throws -> Outcome) throws {
    let end = Date().addingTimeInterval(seconds)
    var starts = 0
    var failures = 0
    var last = ""
    repeat {
      let outcome = try start()
      starts += 1
      if outcome.status != 0 {
        failures += 1
        last = outcome.stderr
      }
    } while Date() < end
    if ProcessInfo.processInfo.environment["SWIFTJAIL_RACE_SECONDS"] != nil {
      print("\(name): \(starts) starts, of which \(failures) failed, last: \(last)")
    }
  }
}

/// Numbers of system calls, for scripts.
enum CallNumber {
  #if arch(x86_64)
    static let renameat2 = 316
    static let ptrace = 101
    static let setxattr = 188
  #else
    static let renameat2 = 276
    static let ptrace = 117
    static let setxattr = 5
  #endif
}
