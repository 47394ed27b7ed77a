import Layers

/// What is to be done when definitions change.
public struct DefinitionChanges: Equatable, Sendable {
  /// What a change of a definition takes.
  public enum Extent: Sendable {
    /// Only what the supervisor notes: restarts, health check, order, labels, logs, how it is stopped.
    case bookkeeping
    /// Limits that can be set while it runs, and perhaps bookkeeping.
    case limits
    /// A new container.
    case container
  }

  /// A definition that is another than before.
  public struct Change: Equatable, Sendable {
    /// What the partition is to be now.
    public let definition: PartitionDefinition
    /// What that takes.
    public let extent: Extent
  }

  /// What was not there before.
  public private(set) var added: [PartitionDefinition] = []
  /// The names of those that are there no longer.
  public private(set) var removed: [String] = []
  /// The names of those that are there no longer as far as is known: something could not be read that may define them.
  public private(set) var unclear: [String] = []
  /// What is there still, and is not the same.
  public private(set) var changed: [Change] = []

  /// Whether there is nothing to do.
  public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

  /// What leads from `old` to `new`; in both, names are distinct. What is new comes in the order of `new`.
  public init(from old: [PartitionDefinition], to new: [PartitionDefinition]) {
    var rest: [String: PartitionDefinition] = [:]
    for definition in old { rest[definition.name] = definition }
    for definition in new {
      guard let before = rest.removeValue(forKey: definition.name) else {
        added.append(definition)
        continue
      }
      if let extent = definition.extent(from: before) {
        changed.append(Change(definition: definition, extent: extent))
      }
    }
    removed = old.map(\.name).filter { rest[$0] != nil }
  }

  /// What leads from `old` to `new`, what is new in the order of starting. Nothing is removed while `new` has errors.
  public init(from old: [PartitionDefinition], to new: DefinitionSet) {
    self.init(from: old, to: new.inStartOrder)
    guard !new.errors.isEmpty else { return }
    unclear = removed
    removed = []
  }

  /// What leads from `old` to `new`, what is new in the order of starting.
  public static func changes(from old: DefinitionSet, to new: DefinitionSet) -> DefinitionChanges {
    DefinitionChanges(from: old.definitions, to: new.inStartOrder)
  }
}

extension PartitionDefinition {
  /// What it takes to make of a partition that is as `old` says one that is as this says; `nil` for nothing.
  func extent(from old: PartitionDefinition) -> DefinitionChanges.Extent? {
    if self == old { return nil }
    var noted = PartitionDefinition(name: name, content: content)
    noted.opensInput = opensInput
    noted.isRemovedAtEnd = isRemovedAtEnd
    noted.warm = warm.map { _ in 0 }
    var oldNoted = PartitionDefinition(name: old.name, content: old.content)
    oldNoted.opensInput = old.opensInput
    oldNoted.isRemovedAtEnd = old.isRemovedAtEnd
    oldNoted.warm = old.warm.map { _ in 0 }
    if noted == oldNoted { return .bookkeeping }
    if case .partition(let settings) = content, case .partition(let oldSettings) = old.content {
      noted.content = .partition(settings.withLimits(of: oldSettings))
      if noted == oldNoted { return .limits }
    }
    return .container
  }
}

extension PartitionSettings {
  /// The same settings with the limits of `other`.
  fileprivate func withLimits(of other: PartitionSettings) -> PartitionSettings {
    var settings = self
    settings.memory = other.memory
    settings.memoryAndSwap = other.memoryAndSwap
    settings.microCPUs = other.microCPUs
    settings.cpuWeight = other.cpuWeight
    settings.cpus = other.cpus
    settings.pidsLimit = other.pidsLimit
    return settings
  }
}
