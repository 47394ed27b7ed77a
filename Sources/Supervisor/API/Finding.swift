import Container
import Linux
import OCI

/// What a reference means.
enum Found {
  case partition(PartitionStatus)
  case plain(PlainContainer)

  var name: String {
    switch self {
    case .partition(let status): status.definition.name
    case .plain(let plain): plain.name
    }
  }

  var id: String {
    switch self {
    case .partition(let status): status.id
    case .plain(let plain): plain.id
    }
  }

  var created: Int64 {
    switch self {
    case .partition(let status): status.created
    case .plain(let plain): plain.container.record.created
    }
  }
}

extension APIService {
  /// So many files are read at once by a process that others wait for; more of them by one of its own.
  static let mostRead = 50

  /// The partition that `reference` names in full, by its id or its name.
  func partition(named reference: ContainerReference) -> Partition? {
    let partition = supervisor.partition(withID: reference.text) ?? supervisor.partitions[reference.text]
    if let partition { supervisor.checkPause(partition) }
    return partition
  }

  /// Finds out what `reference` means, and calls `done` with it: at once, unless there are many containers to be looked
  /// at for that.
  func find(_ reference: ContainerReference, done: @escaping (Result<Found, APIError>) -> Void) {
    if let partition = partition(named: reference) { return done(.success(.partition(partition.status))) }
    if let plain = supervisor.plain(reference.text) { return done(.success(.plain(plain))) }
    guard reference.mayBeID else { return done(choice(reference, [])) }
    let names = supervisor.plainNames()
    let supervisor = supervisor
    let begun = { (names: [String]) in
      supervisor.plains(names).filter { $0.id.hasPrefix(reference.text) }.map { ($0.name, $0.id) }
    }
    if names.count <= Self.mostRead { return done(choice(reference, begun(names))) }
    supervisor.errands.add { () throws(SupervisorError) in
      JSON.array(begun(names).map { .texts([$0.0, $0.1]) }).bytes()
    } done: { [unowned self] result in
      switch result {
      case .success(let bytes): done(choice(reference, Self.pairs(bytes)))
      case .failure(let error): done(.failure(Self.apiError(error)))
      }
    }
  }

  private static func pairs(_ bytes: [UInt8]) -> [(name: String, id: String)] {
    guard case .array(let elements)? = try? JSON(parsing: bytes) else { return [] }
    return elements.compactMap { element in
      guard case .array(let pair) = element, pair.count == 2, case .string(let name) = pair[0],
        case .string(let id) = pair[1]
      else { return nil }
      return (name, id)
    }
  }

  /// What `reference`, which is the name of none, means among all partitions and `plains`.
  private func choice(
    _ reference: ContainerReference, _ plains: [(name: String, id: String)]
  ) -> Result<Found, APIError> {
    let partitions = Array(supervisor.partitions.values)
    let count = partitions.count
    let match = reference.match(count + plains.count) {
      $0 < count ? partitions[$0].record.id : plains[$0 - count].id
    } name: {
      $0 < count ? partitions[$0].name : plains[$0 - count].name
    }
    switch match {
    case .one(let index) where index < count:
      supervisor.checkPause(partitions[index])
      return .success(.partition(partitions[index].status))
    case .one(let index):
      if let plain = supervisor.plain(plains[index - count].name) { return .success(.plain(plain)) }
      return .failure(.noSuchContainer(reference.text))
    case .none: return .failure(.noSuchContainer(reference.text))
    case .ambiguous: return .failure(reference.ambiguous)
    }
  }

  /// Finds out what each of `references` means, and calls `done` with that, in their order.
  func find(
    _ references: ArraySlice<ContainerReference>, _ found: [Found] = [],
    done: @escaping (Result<[Found], APIError>) -> Void
  ) {
    guard let first = references.first else { return done(.success(found)) }
    find(first) { [unowned self] result in
      switch result {
      case .success(let one): find(references.dropFirst(), found + [one], done: done)
      case .failure(let error): done(.failure(error))
      }
    }
  }
}
