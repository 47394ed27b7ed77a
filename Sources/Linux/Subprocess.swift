import CLinux
import Glibc

/// A program of the host that does a piece of work: run to its end, its output kept.
public struct Subprocess: Sendable {
  /// The program's file.
  public let path: String

  /// How a program ended.
  public struct Outcome: Sendable {
    /// Its exit status; 127 when it could not be executed.
    public let status: ExitStatus
    /// What it wrote to both its streams, without white space at the ends.
    public let output: String

    /// Whether it says that it did its work.
    public var isSuccess: Bool { status == .exited(0) }
  }

  /// The program `name`, in one of the directories where systems keep theirs; `nil` when none has it.
  public init?(named name: String) {
    let places = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    let paths = places.lazy.map { "\($0)/\(name)" }
    guard let path = paths.first(where: { access($0, X_OK) == 0 }) else { return nil }
    self.path = path
  }

  /// Runs the program with this process's environment, nothing to read, every signal at its default, and no
  /// descriptor but its streams; it does not outlive this process. The caller must be single-threaded.
  ///
  /// - Parameters:
  ///   - arguments: those after the program's name.
  ///   - milliseconds: the longest silence before it is killed.
  /// - Throws: `.timedOut` after that silence.
  public func run(_ arguments: [String], milliseconds: Int32 = 60_000) throws(Errno) -> Outcome {
    let running = try start(arguments, reading: try FileDescriptor.open("/dev/null", .readOnly), errors: nil)
    do throws(Errno) {
      let bytes = try Self.read(running.output, milliseconds)
      return Outcome(status: try running.process.wait(), output: Self.trimmed(bytes))
    } catch {
      try? running.process.send(.kill)
      _ = try? running.process.wait()
      throw error
    }
  }

  /// A program that runs.
  public struct Running: ~Copyable {
    /// What it writes.
    public let output: FileDescriptor
    /// The process, a child of this one.
    public let process: Pidfd
  }

  /// Starts the program as `run` does, with `input` to read and nowhere to complain. The caller must be single-threaded.
  public func start(
    _ arguments: [String], reading input: borrowing FileDescriptor
  ) throws(Errno) -> Running {
    try start(arguments, reading: input, errors: try FileDescriptor.open("/dev/null", .writeOnly))
  }

  /// - Parameter errors: where it complains; `nil` for where it writes.
  private func start(
    _ arguments: [String], reading input: borrowing FileDescriptor, errors: consuming FileDescriptor?
  ) throws(Errno) -> Running {
    let pipe = try FileDescriptor.pipe()
    let output = pipe.read
    let caller = ProcessControl.pid
    let cloned = try clone(into: [])
    switch consume cloned {
    case .child:
      do throws(Errno) {
        try ProcessControl.dieWithParent()
        if ProcessControl.parentPid != caller { exitNow(127) }
        resetSignalActions()
        try input.replace(0)
        try pipe.write.replace(1)
        switch errors {
        case .some(let errors): try errors.replace(2)
        case .none: try pipe.write.replace(2)
        }
        try closeOnExec(from: 3)
        try SignalMask.none.restore()
        throw execute([path] + arguments)
      } catch {
        try? pipe.write.writeOnce("execute \(path): \(error)")
        exitNow(127)
      }
    // The end of output is the end of all who may write: of this end as well.
    case .parent(_, let pidfd):
      _ = consume pipe.write
      return Running(output: output, process: pidfd)
    }
  }

  private static func read(
    _ output: borrowing FileDescriptor, _ milliseconds: Int32
  ) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      var entries = [PollEntry(output.rawValue, .readable)]
      guard try poll(&entries, milliseconds: milliseconds) else { throw .timedOut }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
        try output.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      if bytes.count > 1 << 20 { throw .fileTooLarge }
    }
  }

  private static func trimmed(_ bytes: [UInt8]) -> String {
    guard let first = bytes.firstIndex(where: { $0 > 0x20 }), let last = bytes.lastIndex(where: { $0 > 0x20 })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }
}
