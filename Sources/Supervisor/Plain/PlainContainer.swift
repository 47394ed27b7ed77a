import Container
import Definitions
import Linux
import OCI

/// A container in the supervisor's store that was made without it: by `swiftjail run` or `create`, or an engine that uses
/// `swiftjail`.
///
/// Nothing is kept of it here. What is told is read when somebody asks.
struct PlainContainer {
  let container: Container
  /// 64 hexadecimal digits that no other container has.
  let id: String

  /// The container, in the boot of the machine that is called `boot`; `nil` for one that is still being made.
  init?(_ container: Container, boot: String) {
    if container.record.process == nil, container.status() == .creating { return nil }
    self.container = container
    id = PlainIdentity(container.record, boot: boot).id
  }

  var name: String { container.id.description }

  /// What it does now.
  var state: PartitionStatus.State { Self.state(container.status()) }

  private static func state(_ now: Container.Status) -> PartitionStatus.State {
    switch now {
    case .created, .creating: .created
    case .running: .running
    case .paused: .paused
    case .stopped: .exited
    }
  }

  /// What it is and does now.
  var status: PartitionStatus {
    Self.status(
      container.record, try? container.config(), id: id, container.status(), changed: container.changed,
      hostname: SystemName.current.node)
  }

  /// What it is and does, when all that there is to be looked at is known.
  static func status(
    _ record: Record, _ config: RuntimeConfig?, id: String, _ now: Container.Status, changed: Int64?,
    hostname: String
  ) -> PartitionStatus {
    let definition = PartitionDefinition(plain: record, config, hostname: hostname)
    var status = PartitionStatus(definition, id: id, created: record.created)
    status.plain = PlainFacts(record, config)
    status.wasOutOfMemory = record.wasOutOfMemory
    status.state = state(now)
    if now == .stopped {
      status.error = "\(definition.name) was made without the supervisor, which has not seen how it ended"
    }
    if now != .stopped { status.pid = record.process?.pid }
    if now == .running || now == .paused { status.started = max(record.created, changed ?? 0) }
    return status
  }
}

extension Supervisor {
  /// The container called `name` that was made without the supervisor; `nil` when there is none, or a partition has the
  /// name.
  func plain(_ name: String) -> PlainContainer? {
    guard partitions[name] == nil, let id = try? ContainerID(name), let container = try? store.container(id)
    else { return nil }
    return PlainContainer(container, boot: boot)
  }

  /// The names that such containers have, or are going to have, in their order.
  func plainNames() -> [String] {
    do throws(ContainerError) { return try plainList.names(in: store, without: partitions) } catch {
      log(error.description)
      return []
    }
  }

  /// Those of `names` that are containers made without the supervisor.
  ///
  /// - Parameter before: in a process that knows the partitions of that time alone, in nanoseconds since 1970: what was made
  ///   later may be one.
  func plains(_ names: [String], before: Int64 = .max) -> [PlainContainer] {
    names.compactMap { name in
      guard let plain = plain(name), plain.container.record.created < before else { return nil }
      return plain
    }
  }

  /// In what states the partitions and those of `names` are that are containers made without the supervisor.
  ///
  /// - Parameter before: as `plains` has it.
  func stateCounts(with names: [String], before: Int64 = .max) -> EngineFacts.Counts {
    var counts = EngineFacts.Counts(partitions.values.lazy.map(\.state))
    counts.add(plains(names, before: before).map(\.state))
    return counts
  }

  /// What all containers do of whose state `isWanted` says that, those that were made without the supervisor as well.
  ///
  /// - Parameter before: as `plains` has it.
  func allStatuses(
    before: Int64 = .max, where isWanted: (PartitionStatus.State) -> Bool = { _ in true }
  ) -> [PartitionStatus] {
    statuses(where: isWanted)
      + plains(plainNames(), before: before).filter { isWanted($0.state) }.map(\.status)
  }
}
