import Container
import Linux
import OCI

/// Messages for the person at the terminal, and for the engine that asked for them in a file.
struct Log: Sendable {
  enum Format: Sendable { case text, json }

  enum Level: String, Sendable {
    case debug, warning, error
  }

  var file: String?
  var format = Format.text
  var isDebug = false

  /// Refuses a file that cannot be written before anything is done, and is without it from then on.
  mutating func requireFile() throws(Failure) {
    guard let path = file else { return }
    do throws(Errno) { _ = try FileDescriptor.open(path, Self.appending, mode: 0o644) } catch {
      file = nil
      throw Failure(.usage, "--log \(path): \(error)")
    }
  }

  private static let appending: OpenFlags = [.writeOnly, .create, .append]

  /// Writes `message`; errors go to standard error in any case.
  func write(_ level: Level, _ message: String) {
    if level == .debug, !isDebug { return }
    // One line, whatever a path or a name in it holds.
    let line = String(message.map { $0.isNewline ? " " : $0 }).printable
    if level != .debug || file == nil { Output.error("swiftjail: \(line)\n") }
    guard let file else { return }
    do throws(Errno) {
      let log = try FileDescriptor.open(file, Self.appending, mode: 0o644)
      try log.writeAll(Array(entry(level, line).utf8))
    } catch {
      Output.error("swiftjail: --log \(file): \(error)\n")
    }
  }

  /// Writes messages that only help to find a fault; `nil` when they are not wanted.
  var debugMessages: DebugMessages? {
    guard isDebug else { return nil }
    return DebugMessages { write(.debug, $0) }
  }

  /// Says, when more is wanted, what was started and where it is.
  func started(_ process: borrowing StartedProcess) {
    if !isDebug { return }
    let record = process.container.record
    write(
      .debug,
      "container \(record.id): process \(process.pid), cgroup \(record.cgroup ?? "of the caller"), bundle \(record.bundle)"
    )
  }

  /// Says, when more is wanted, how a program of the container `id` ended.
  func ended(_ id: ContainerID, _ status: ExitStatus) {
    if !isDebug { return }
    switch status {
    case .exited(let code): write(.debug, "container \(id): the program exited with status \(code)")
    case .signaled(let signal): write(.debug, "container \(id): signal \(signal) ended the program")
    }
  }

  private func entry(_ level: Level, _ line: String) -> String {
    let time = Clock.text(Clock.now())
    switch format {
    case .json:
      var object = JSON.Object()
      object.add("level", level.rawValue)
      object.add("msg", line)
      object.add("time", time)
      return JSON.object(object).text() + "\n"
    case .text:
      return "time=\"\(time)\" level=\(level.rawValue) msg=\(JSON.string(line).text())\n"
    }
  }
}

/// The program's own standard streams.
enum Output {
  /// Writes `text` to standard output.
  ///
  /// - Throws: `Failure` when it cannot be written, such as to a full disk.
  static func print(_ text: String) throws(Failure) {
    do throws(Errno) { try write(text, to: 1) } catch {
      throw Failure(.failed, "write to standard output: \(error)")
    }
  }

  /// Writes `text` to standard error; when even that cannot be done there is nobody to tell.
  static func error(_ text: String) { try? write(text, to: 2) }

  private static func write(_ text: String, to number: Int32) throws(Errno) {
    let stream = try FileDescriptor.duplicate(of: number)
    try stream.writeAll(Array(text.utf8))
  }
}
