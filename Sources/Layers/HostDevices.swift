import Linux
import OCI

/// The device files of the host.
enum HostDevices {
  /// All of them below `/dev`, apart from terminals, which a partition has of its own.
  static func all() throws(LayerError) -> [RuntimeConfig.Linux.Device] {
    var devices: [RuntimeConfig.Linux.Device] = []
    try attempt("read /dev") { () throws(Errno) in try collect("/dev", into: &devices) }
    return devices
  }

  private static let own: Set<String> = [
    "/dev/console", "/dev/mqueue", "/dev/ptmx", "/dev/pts", "/dev/shm", "/dev/tty", "/dev/null", "/dev/zero",
    "/dev/full", "/dev/random", "/dev/urandom", "/dev/fd", "/dev/core",
  ]

  private static func collect(
    _ directory: String, into devices: inout [RuntimeConfig.Linux.Device]
  ) throws(Errno) {
    for entry in try Directory.entries(of: directory) {
      let path = "\(directory)/\(entry.name)"
      // A device may be gone by now.
      guard !own.contains(path), let status = try? FileStatus.of(path, following: false) else { continue }
      switch status.kind {
      case .directory: try collect(path, into: &devices)
      case .blockDevice: devices.append(device(.block, path, status))
      case .characterDevice: devices.append(device(.character, path, status))
      case .regular, .symbolicLink, .fifo, .socket, .unknown: continue
      }
    }
  }

  private static func device(
    _ type: RuntimeConfig.Linux.Device.Kind, _ path: String, _ status: FileStatus
  ) -> RuntimeConfig.Linux.Device {
    RuntimeConfig.Linux.Device(
      type: type, path: path, major: status.device.major, minor: status.device.minor,
      fileMode: status.permissions, uid: status.user, gid: status.group)
  }
}
