import Container
import Linux
import OCI

/// What a process that starts another for its parent says before it ends.
enum WorkerReport: JSONRepresentable, Equatable {
  /// The other runs, a sibling of the one that says so.
  case started(pid: Int32)
  case failed(String)

  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    if let pid: Int32 = try object.optional("pid") {
      self = .started(pid: pid)
    } else {
      self = .failed(try object.required("reason"))
    }
  }

  var json: JSON {
    var object = JSON.Object()
    switch self {
    case .started(let pid): object.add("pid", pid)
    case .failed(let reason): object.add("reason", reason)
    }
    return .object(object)
  }

  /// The longest message, in bytes: that of a reason of which each byte is escaped.
  static let longest = 32 << 10

  /// Says it over the socket with the number `report`, and ends this process.
  func send(over report: Int32) -> Never {
    try? send(over: Socket(FileDescriptor(owning: report)))
    exitNow(0)
  }

  /// Says it over `socket`.
  func send(over socket: borrowing Socket) throws(Errno) {
    var said = self
    if case .failed(let reason) = said {
      said = .failed(String(decoding: reason.utf8.prefix(4000), as: UTF8.self))
    }
    try socket.send(said.json.bytes())
  }

  /// Hands out the terminal of `process`, if it has one, ahead of the report.
  ///
  /// - Returns: its pid.
  static func handOver(
    _ process: consuming StartedProcess, over report: Int32
  ) throws(ContainerError) -> Int32 {
    let process = process
    switch process.terminal {
    case .none: break
    case .some(let terminal):
      do throws(Errno) {
        let socket = Socket(try FileDescriptor.duplicate(of: report))
        try socket.send([UInt8(ascii: "T")], with: terminal)
      } catch {
        try? process.pidfd.send(.kill)
        throw ContainerError(.failed, "hand the terminal over: \(error)")
      }
    }
    return process.pid
  }
}

extension StandardStreams {
  /// Makes them those of this process, and closes all else but `report`; when that cannot be, this process says so and ends.
  func become(keeping report: Int32) {
    do throws(Errno) {
      try become()
      // There may be thousands.
      try closeAll(from: 3, except: [report])
    } catch {
      WorkerReport.failed("give the new process its standard streams: \(error)").send(over: report)
    }
  }
}
