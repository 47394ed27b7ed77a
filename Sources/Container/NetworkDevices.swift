import Linux
import OCI

/// A network device that the container gets (config-linux.md, "Network Devices").
struct NetworkDevicePlan: Sendable {
  /// Its name in the runtime's network namespace.
  var name: String
  /// Its name in the container; `%d` in that is a number that is free.
  var nameInside: String

  var field: String { "linux.netDevices.\(name)" }
}

/// Devices are moved before the container's process goes on to its program. The kernel takes them back when the network
/// namespace goes: physical ones return to the initial network namespace, virtual ones are removed. The specification has
/// runtimes leave that to it.
extension Plan {
  /// Refuses devices that cannot be moved, before anything is done.
  func refuseImmovableDevices(_ joined: [HeldNamespace]) throws(ContainerError) {
    if networkDevices.isEmpty { return }
    let namespace = joined.first { $0.kind == .network }
    if let namespace, try namespace.isCallers() {
      throw .config("linux.netDevices", "\(namespace.path) is the caller's own network namespace")
    }
    var here = try attempt("linux.netDevices: ask for network devices") { () throws(Errno) in
      try RouteSocket()
    }
    for device in networkDevices {
      let link = try attempt("\(device.field): look for it") { () throws(Errno) in try here.link(device.name)
      }
      guard let link else {
        throw .config(device.field, "there is no such device in this network namespace")
      }
      if link.isLoopback { throw .config(device.field, "the loopback device belongs to its namespace") }
      if device.nameInside == "lo" {
        throw .config("\(device.field).name", "the container has a device of the name lo")
      }
    }
    guard let namespace else { return }
    var there = try attempt("linux.netDevices: enter \(namespace.path)") { () throws(Errno) in
      try RouteSocket(in: namespace.descriptor)
    }
    for device in networkDevices where !device.nameInside.utf8.contains(UInt8(ascii: "%")) {
      let found = try attempt("\(device.field): look for its name") { () throws(Errno) in
        try there.link(device.nameInside)
      }
      if found != nil {
        throw .config("\(device.field).name", "the container has a device of the name \(device.nameInside)")
      }
    }
  }

  /// Moves the devices to the network namespace of the container, whose first process has the pid `pid`.
  func moveNetworkDevices(
    to pid: Int32, _ joined: [HeldNamespace], _ debug: DebugMessages?
  ) throws(ContainerError) {
    if networkDevices.isEmpty { return }
    let operation = "linux.netDevices: enter the container's network namespace"
    let namespace = try attempt(operation) { () throws(Errno) in
      if let joined = joined.first(where: { $0.kind == .network }) {
        return try joined.descriptor.duplicate()
      }
      return try FileDescriptor.open("/proc/\(pid)/ns/net", .readOnly)
    }
    var here = try attempt(operation) { () throws(Errno) in try RouteSocket() }
    var there = try attempt(operation) { () throws(Errno) in try RouteSocket(in: namespace) }
    for device in networkDevices {
      try move(device, to: namespace, &here, &there)
      debug?.say("moved the network device \(device.name) into the container as \(device.nameInside)")
    }
  }

  private func move(
    _ device: NetworkDevicePlan, to namespace: borrowing FileDescriptor, _ here: inout RouteSocket,
    _ there: inout RouteSocket
  ) throws(ContainerError) {
    var addresses: [NetworkAddress] = []
    var index: Int32 = 0
    let operation = "\(device.field): move it to the container"
    do throws(Errno) {
      guard let link = try here.link(device.name) else { throw .noSuchDevice }
      addresses = try here.addresses(of: link.index).filter { $0.isPermanentAndGlobal }
      index = try here.move(link, to: namespace, as: device.nameInside)
    } catch {
      if let reason = here.reason { throw ContainerError(operation, error, advice: reason) }
      throw ContainerError(operation, error, taking: "CAP_NET_ADMIN")
    }
    for address in addresses {
      try attempt("\(device.field): keep its addresses") { () throws(Errno) in
        try there.add(address, to: index, isRenamed: device.name != device.nameInside)
      }
    }
    try attempt("\(device.field): take it into use") { () throws(Errno) in try there.bringUp(index) }
  }
}
