import Linux
import OCI

/// The socket by which a container's program says that it is ready (`sd_notify(3)`), and the service manager that hears of it.
///
/// The socket is in a directory of its own in the state directory, which is mounted at `/run/notify` in the container, as with
/// runc: the socket of the service manager itself would hear whatever the container says.
public struct Readiness: ~Copyable {
  private let socket: Socket
  /// The service manager's socket.
  private let manager: String

  /// The directory in the container's state directory.
  static let directory = "notify"

  private static let place = "/run/notify"
  private static let name = "notify.sock"

  /// The variable that names the socket.
  static var variable: String { "NOTIFY_SOCKET=\(place)/\(name)" }

  /// Creates the socket in the state directory `container`.
  ///
  /// - Parameter manager: the path of the service manager's socket; `@` stands for the NUL of an abstract name.
  init(in container: String, for manager: String) throws(ContainerError) {
    self.manager = manager
    socket = try attempt("NOTIFY_SOCKET: create a socket in \(container)/\(Self.directory)") {
      () throws(Errno) in
      let directory = try FileDescriptor.open("\(container)/\(Self.directory)", [.readOnly, .directory])
      do throws(Errno) {
        try File.remove(Self.name, at: directory.rawValue)
      } catch .noSuchFileOrDirectory {}
      let socket = try Socket.datagrams(named: Self.name, in: directory)
      // Whoever is in the container may write to it.
      try File.changeMode(Self.name, 0o777, at: directory.rawValue)
      return socket
    }
  }

  /// The mount that shows the directory in the container.
  static func mount(of container: String) throws(ContainerError) -> MountPlan {
    try MountPlan(
      RuntimeConfig.Mount(
        destination: place, type: "bind", source: "\(container)/\(directory)",
        options: ["bind", "nosuid", "noexec", "nodev", "ro"]),
      field: "NOTIFY_SOCKET", bundle: container)
  }

  /// Waits until the container says that it is ready, and passes that on, or until `process` ends.
  ///
  /// - Parameter main: the pid by which the service manager shall know the service from then on; `nil` leaves it as it is.
  public func wait(for process: borrowing Pidfd, main: Int32?) throws(ContainerError) {
    try attempt("NOTIFY_SOCKET: wait for the container to be ready") { () throws(Errno) in
      while true {
        var entries = [
          PollEntry(socket.descriptor.rawValue, .readable), PollEntry(process.descriptor.rawValue, .readable),
        ]
        _ = try poll(&entries)
        // What it said before its end is there first.
        if entries[0].events.isEmpty { return }
        let message = try socket.receive(limit: 4096).bytes
        guard
          let ready = message.split(separator: UInt8(ascii: "\n")).first(where: {
            $0.starts(with: "READY=".utf8)
          })
        else { continue }
        let pid = main.map { "MAINPID=\($0)\n" } ?? ""
        return try Socket.sendDatagram(Array(pid.utf8) + ready + [UInt8(ascii: "\n")], to: manager)
      }
    }
  }

  /// Does what `wait` does in a process of its own, which ends with this one.
  public func watch(_ process: borrowing Pidfd) throws(ContainerError) {
    let caller = ProcessControl.pid
    switch try attempt("NOTIFY_SOCKET: clone a process", { () throws(Errno) in try clone(into: []) }) {
    case .parent: return
    case .child:
      try? ProcessControl.dieWithParent()
      if ProcessControl.parentPid != caller { exitNow(1) }
      try? closeAll(from: 0, except: [socket.descriptor.rawValue, process.descriptor.rawValue])
      try? wait(for: process, main: nil)
      exitNow(0)
    }
  }
}

extension Container {
  /// Creates the socket by which the container says that it is ready, for a service manager whose socket is at `manager`.
  ///
  /// - Returns: `nil` when the container was created without a place for it.
  public func readiness(for manager: String) throws(ContainerError) -> Readiness? {
    guard (try? FileStatus.of("\(directory)/\(Readiness.directory)")) != nil else { return nil }
    return try Readiness(in: directory, for: manager)
  }
}
