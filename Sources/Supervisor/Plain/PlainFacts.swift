import Container
import Layers
import Linux
import OCI

/// What is told of a container that was made without the supervisor, beside what a definition can say.
public struct PlainFacts: Equatable, Sendable {
  /// The network that it is in: `host`, `none`, or `ns:` and the file of the one that it has joined.
  public var network: String
  /// The members of `HostConfig` for what it shares with the host.
  public var sharedWithHost: [String]
  /// What is hidden from it.
  public var maskedPaths: [String]
  /// What it cannot write to.
  public var readonlyPaths: [String]

  /// Nothing that it writes is kept.
  static let logConfig = JSON.members(["Type": .string("none"), "Config": .nothing])

  private static let modes: [(namespace: Namespaces, member: String)] = [
    (.pid, "PidMode"), (.ipc, "IpcMode"), (.uts, "UTSMode"), (.cgroup, "CgroupnsMode"),
  ]

  /// Those of the container of which `record` is kept, and that has `config`.
  init(_ record: Record, _ config: RuntimeConfig?) {
    let joined = config?.linux.namespaces.first { $0.type == .network }?.path
    network = record.namespaces.contains(.network) ? joined.map { "ns:\($0)" } ?? "none" : "host"
    sharedWithHost = Self.modes.filter { !record.namespaces.contains($0.namespace) }.map(\.member)
    maskedPaths = config?.linux.maskedPaths ?? []
    readonlyPaths = config?.linux.readonlyPaths ?? []
  }
}

extension Record {
  /// Whether a supervisor's keeper has made the container, so that it may remove what is left of it.
  func isOwn(in store: ContainerStore) -> Bool {
    if isSupervised { return true }
    guard ownedDirectory == nil else { return false }
    // Those of a keeper that is older than this.
    let directory = "\(PartitionStore(of: store).path)/\(id)"
    return bundle == directory || bundle == (try? File.realPath(directory))
  }
}
