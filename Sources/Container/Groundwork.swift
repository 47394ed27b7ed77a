import Linux

/// What was done beforehand for containers that this process makes, one after the other.
public final class Groundwork {
  let devices = LoadedDeviceProgram()
  let emptyTree: EmptyFileTree?
  /// What the next container that gets a network namespace of its own will have.
  public var network: SpareNetwork?

  /// - Parameter emptyTree: what containers' file trees are made in, where that can be; otherwise it is a copy of the host's.
  public init(emptyTree: EmptyFileTree? = nil) { self.emptyTree = emptyTree }

  func takeNetwork() -> SpareNetwork? {
    defer { network = nil }
    return network
  }
}
