import Container
import Layers
import Linux

/// What `ps` tells of a container.
struct ListedContainer {
  var name: String
  var status: String
  /// The first process; 0 when none runs.
  var pid: Int32 = 0
  /// Since when it is there, in nanoseconds since 1970.
  var since: Int64
  var command: String
  /// Where its layer is: `disk` or `memory`; `nil` for a bundle.
  var layer: String?
  var usage: ContainerUsage?
}

/// All containers by their names: those that a supervisor looks after, and those that it has nothing to do with.
struct ContainerList {
  private(set) var containers: [ListedContainer]

  /// Asks the supervisor, if there is one, and the containers themselves for what that does not know.
  init(_ settings: Settings) throws(Failure) {
    let supervised = try settings.supervisedPartitions()
    // A supervisor says itself where its containers are.
    if supervised == nil { try settings.requireRoot() }
    let store = supervised?.store ?? settings.store
    containers = supervised?.partitions ?? []
    do throws(ContainerError) { try addOthers(of: store) } catch {
      // The supervisor answers some who may not look there.
      guard supervised != nil, error.errno == .permissionDenied else { throw Failure(error) }
      settings.log.write(.warning, "what was made without the supervisor is not listed: \(error)")
    }
    addUsage(in: store)
    containers.sort { $0.name < $1.name }
  }

  private mutating func addOthers(of store: ContainerStore) throws(ContainerError) {
    let known = Set(containers.map(\.name))
    let names = try store.names()
    containers.reserveCapacity(names.count)
    let others = store.all(named: names.filter { !known.contains($0) })
    for container in others.damaged {
      containers.append(
        ListedContainer(
          name: container.id.description, status: DamagedContainer.status, since: container.changed,
          command: ""))
    }
    for container in others.containers {
      let state = container.state()
      containers.append(
        ListedContainer(
          name: state.id, status: state.status.rawValue, pid: state.pid ?? 0, since: container.record.created,
          command: container.commandText, layer: container.layer, usage: container.usage()))
    }
  }

  /// Asks for what the supervisor does not know of its own.
  private mutating func addUsage(in store: ContainerStore) {
    let missing = containers.indices.filter { containers[$0].usage == nil && containers[$0].pid != 0 }
    for (index, usage) in zip(missing, store.usage(of: missing.map { containers[$0].name })) {
      containers[index].usage = usage
      // A bundle says itself where its cgroup is, and what runs.
      guard usage == nil || containers[index].command.isEmpty,
        let container = store.containers(named: [containers[index].name]).first
      else { continue }
      containers[index].usage = usage ?? container.usage()
      if containers[index].command.isEmpty { containers[index].command = container.commandText }
    }
  }
}

extension Container {
  fileprivate var layer: String? {
    guard record.ownedDirectory != nil else { return nil }
    return record.annotations[PartitionSettings.layerAnnotation] ?? "disk"
  }

  fileprivate var commandText: String {
    (try? config().process?.args.joined(separator: " ")) ?? ""
  }
}

extension Settings {
  /// The partitions that the supervisor has, and where their containers are; `nil` without one, unless the command line
  /// names it.
  fileprivate func supervisedPartitions() throws(Failure) -> (
    store: ContainerStore, partitions: [ListedContainer]
  )? {
    guard supervisorSocket != nil || hasSupervisor else { return nil }
    do throws(Failure) {
      // The first look takes longest, and it can hardly be another store.
      var answer = try supervisor.begin("GET", "/swiftjail/partitions", patience: Self.patience) {
        store.sumUpUsage()
      }
      let body = try answer.body()
      guard answer.status == 200, let list = PartitionLines(body) else {
        throw Failure(
          .failed, "the supervisor at \(supervisor.path) does not list its partitions (\(answer.status))")
      }
      return (ContainerStore(path: list.store), list.partitions)
    } catch {
      if supervisorSocket != nil { throw error }
      // What runs can be told without it.
      log.write(.warning, error.message)
      return nil
    }
  }
}

/// The lines in which a supervisor lists its partitions.
struct PartitionLines {
  private(set) var store = ""
  private(set) var partitions: [ListedContainer] = []

  /// Reads them; `nil` when they are none, or cut short.
  init?(_ bytes: [UInt8]) {
    guard bytes.last == UInt8(ascii: "\n") else { return nil }
    var lines = bytes.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
    guard let first = lines.popFirst() else { return nil }
    store = Self.text(first)
    partitions.reserveCapacity(lines.count)
    for line in lines {
      let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      guard (5...6).contains(fields.count), let pid = Int32(Self.text(fields[2])),
        let since = Int64(Self.text(fields[3]))
      else { return nil }
      let state = Self.text(fields[1])
      partitions.append(
        ListedContainer(
          // As the specification calls it.
          name: Self.text(fields[0]), status: state == "exited" ? "stopped" : state, pid: pid, since: since,
          command: Self.text(fields[4]), layer: fields.count > 5 ? Self.text(fields[5]) : nil))
    }
  }

  /// What was written with some characters as a percent sign and two digits.
  private static func text(_ field: ArraySlice<UInt8>) -> String {
    let percent = UInt8(ascii: "%")
    guard field.contains(percent) else { return String(decoding: field, as: UTF8.self) }
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      if byte == percent, let value = UInt8(digits, radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
