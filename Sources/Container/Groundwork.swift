import Linux

/// What was done beforehand for containers that this process makes, one after the other.
public final class Groundwork {
  let devices = LoadedDeviceProgram()
  let emptyTree: EmptyFileTree?
  /// What the next container that gets a network namespace of its own will have.
  public var network: SpareNetwork?

  /// For one container.
  public init() { emptyTree = nil }

  /// For many.
  ///
  /// - Parameter emptyTree: what containers' file trees are made in, where that can be; otherwise it is a copy of the host's.
  public init(emptyTree: EmptyFileTree?) {
    self.emptyTree = emptyTree
    for type in Self.typesOfFirstProcesses { use(type) }
  }

  /// What the language's runtime has to find out about a type, once in a process: here, and not in the first process of each
  /// container, where these are first used.
  private static let typesOfFirstProcesses: [Any.Type] = [
    Cgroup?.self, EmptyFileTree?.self, SpareNetwork?.self, [HeldNamespace].self, [HostMounts.HeldDevice].self,
    HostMounts.HeldMount?.self, [HostMounts.HeldMount?].self, [RootFilesystem.Anchor].self,
  ]

  func takeNetwork() -> SpareNetwork? {
    defer { network = nil }
    return network
  }
}

@_optimize(none) private func use(_ type: Any.Type) {}
