import Linux
import OCI

/// The user namespaces by which the ids of a container's bind mounts are mapped. Mounts with the same mappings share one.
final class MountUsers {
  private let plan: Plan
  /// The user namespace that the container joins.
  private let joined: HeldNamespace?
  private var made: [Made] = []

  /// A user namespace and its mappings.
  private final class Made {
    let uids: [RuntimeConfig.IDMapping]
    let gids: [RuntimeConfig.IDMapping]
    let namespace: FileDescriptor
    init(
      _ uids: [RuntimeConfig.IDMapping], _ gids: [RuntimeConfig.IDMapping]
    ) throws(ContainerError) {
      namespace = try UserNamespace.make(uidMappings: uids, gidMappings: gids)
      self.uids = uids
      self.gids = gids
    }
  }

  init(_ plan: Plan, joining namespaces: [HeldNamespace]) {
    self.plan = plan
    joined = namespaces.first { $0.kind == .user }
  }

  /// The file descriptor of the user namespace for `mount`, valid while this value lives: a namespace with the mappings
  /// of the mount or, if it has none, the container's own.
  func namespace(for mount: MountPlan) throws(ContainerError) -> Int32 {
    if mount.uidMappings.isEmpty, mount.gidMappings.isEmpty, let joined { return joined.descriptor.rawValue }
    let uids = mount.uidMappings.isEmpty ? plan.uidMappings : mount.uidMappings
    let gids = mount.gidMappings.isEmpty ? plan.gidMappings : mount.gidMappings
    guard !uids.isEmpty, !gids.isEmpty else {
      throw .config(
        "\(mount.field).options",
        "no ids to map: give the mount uidMappings and gidMappings, or the container a user namespace")
    }
    if let found = made.first(where: { $0.uids == uids && $0.gids == gids }) {
      return found.namespace.rawValue
    }
    let new = try Made(uids, gids)
    made.append(new)
    return new.namespace.rawValue
  }
}
