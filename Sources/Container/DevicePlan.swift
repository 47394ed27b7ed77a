import Linux
import OCI

/// One device file of the container (config-linux.md, "Devices").
struct DevicePlan: Sendable {
  /// Where it is, from the container's root.
  var path: String
  var kind: FileKind
  var number: DeviceNumber
  /// Permission bits.
  var permissions: UInt32
  var user: UInt32
  var group: UInt32

  init(_ device: RuntimeConfig.Linux.Device, field: String) throws(ContainerError) {
    path = MountPlan.clean(device.path)
    switch device.type {
    case .block: kind = .blockDevice
    case .character, .unbuffered: kind = .characterDevice
    case .fifo: kind = .fifo
    }
    number = DeviceNumber(major: device.major ?? 0, minor: device.minor ?? 0)
    permissions = (device.fileMode ?? 0o666) & 0o7777
    user = device.uid ?? 0
    group = device.gid ?? 0
  }

  private init(_ path: String, _ major: UInt32, _ minor: UInt32) {
    self.path = path
    kind = .characterDevice
    number = DeviceNumber(major: major, minor: minor)
    permissions = 0o666
    user = 0
    group = 0
  }

  /// The devices that every container has (config-linux.md, "Default Devices"); `/dev/console` and `/dev/ptmx` are
  /// made apart.
  static let defaults = [
    DevicePlan("/dev/null", 1, 3), DevicePlan("/dev/zero", 1, 5), DevicePlan("/dev/full", 1, 7),
    DevicePlan("/dev/random", 1, 8), DevicePlan("/dev/urandom", 1, 9), DevicePlan("/dev/tty", 5, 0),
  ]

  /// The links that every container has in `/dev`, and where they lead.
  static let links = [
    ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"), ("core", "/proc/kcore"),
  ]

  /// What a container may do with devices: what `rules`, which are valid, say, the devices that every container has, and
  /// nothing else.
  static func rules(_ rules: [RuntimeConfig.Linux.DeviceRule]) -> [DeviceRule] {
    let planned = rules.map { rule in
      var access: DeviceRule.Access = []
      for letter in (rule.access ?? "rwm").utf8 {
        switch letter {
        case UInt8(ascii: "r"): access.insert(.read)
        case UInt8(ascii: "w"): access.insert(.write)
        default: access.insert(.makeNode)
        }
      }
      let kind: DeviceRule.Kind =
        switch rule.type {
        case nil, .all: .all
        case .block: .block
        case .character: .character
        }
      // -1 is any number.
      return DeviceRule(
        allow: rule.allow, kind: kind, major: rule.major.flatMap { UInt32(exactly: $0) },
        minor: rule.minor.flatMap { UInt32(exactly: $0) }, access: access)
    }
    if planned.last.map({
      $0.allow && $0.kind == .all && $0.major == nil && $0.minor == nil && $0.access == .everything
    }) == true {
      return planned
    }
    return planned + alwaysAllowed
  }

  private static let alwaysAllowed =
    [
      // Making a device file gives no access to the device.
      DeviceRule(allow: true, kind: .all, access: .makeNode),
      // Terminals of the container's own devpts, and its ptmx.
      DeviceRule(allow: true, kind: .character, major: 136),
      DeviceRule(allow: true, kind: .character, major: 5, minor: 2),
    ]
    + defaults.reversed().map {
      DeviceRule(allow: true, kind: .character, major: $0.number.major, minor: $0.number.minor)
    }
}
