import Definitions
import Layers
import OCI

/// What `GET /containers/json` asks for.
public struct ContainerList: Equatable, Sendable {
  /// Whether those that do not run are wanted as well.
  public let includesAll: Bool
  /// How many of the newest are wanted; `nil` for as many as there are.
  public let limit: Int?
  /// Whether it is to be said how much is on the disk.
  public let includesSizes: Bool
  private let filters: Filters

  private static let known = [
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name", "network",
    "publish", "since", "status", "volume",
  ]
  private static let states = ["created", "restarting", "running", "removing", "paused", "exited", "dead"]

  /// Reads the query.
  ///
  /// - Throws: `APIError` for a filter or a value that there is not.
  init(_ query: Query) throws(APIError) {
    filters = try Filters(query.text("filters"), known: Self.known)
    for (name, values) in [
      ("status", Self.states), ("health", ["starting", "healthy", "unhealthy", "none"]),
    ] {
      for value in filters[name] ?? [] where !values.contains(value) {
        throw .badRequest("Invalid filter '\(name)=\(value)'")
      }
    }
    for name in ["id", "name"] {
      for value in filters[name] ?? [] where !value.utf8.allSatisfy(Self.isPlain) {
        throw .badRequest("Invalid filter '\(name)=\(value)': of patterns, there are ^ and $ at the ends")
      }
    }
    for value in filters["exited"] ?? [] where Int32(value) == nil {
      throw .badRequest("Invalid filter 'exited=\(value)'")
    }
    let limit = try query.number("limit", in: -1...Int64(Int32.max)) ?? 0
    self.limit = limit > 0 ? Int(limit) : nil
    includesAll = query.flag("all") || filters["status"] != nil
    includesSizes = query.flag("size")
  }

  /// Whether a byte is one that stands for itself, or for an end.
  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "/"), UInt8(ascii: "^"), UInt8(ascii: "$"):
      true
    default: false
    }
  }

  /// Those of `partitions` that are wanted, the newest first.
  ///
  /// - Throws: `APIError` when a container that a filter names is not there.
  public func select(_ partitions: [PartitionStatus]) throws(APIError) -> [PartitionStatus] {
    select(
      partitions,
      try bounds { (reference) throws(APIError) in try reference.find(in: partitions).created })
  }

  /// The containers that bound the list in time.
  var references: [ContainerReference] {
    ["since", "before"].compactMap { filters[$0]?.first.map { ContainerReference($0) } }
  }

  /// When those were created between which the wanted ones were, in nanoseconds since 1970; `nil` for any time.
  public typealias Bounds = (since: Int64?, before: Int64?)

  /// The bounds, where `created` says when a container was.
  ///
  /// - Throws: `APIError` when `created` does.
  public func bounds(_ created: (ContainerReference) throws(APIError) -> Int64) throws(APIError) -> Bounds {
    func bound(_ name: String) throws(APIError) -> Int64? {
      guard let reference = filters[name]?.first else { return nil }
      return try created(ContainerReference(reference))
    }
    return (try bound("since"), try bound("before"))
  }

  /// Whether one in `state` is wanted, as far as that tells.
  func mayInclude(_ state: PartitionStatus.State) -> Bool { includesAll || limit != nil || state.isUp }

  /// Those of `partitions` that are wanted, the newest first.
  public func select(_ partitions: [PartitionStatus], _ bounds: Bounds) -> [PartitionStatus] {
    var chosen = partitions.filter { partition in
      guard mayInclude(partition.state) else { return false }
      if let since = bounds.since, partition.created <= since { return false }
      if let before = bounds.before, partition.created >= before { return false }
      return passes(partition)
    }
    chosen.sort { $0.created > $1.created }
    return limit.map { Array(chosen.prefix($0)) } ?? chosen
  }

  private func passes(_ partition: PartitionStatus) -> Bool {
    let definition = partition.definition
    let document = ContainerDocument(partition)
    return filters.any("id") { partition.id.hasPrefix($0) || APIText.contains($0, partition.id) }
      && filters.any("name") {
        APIText.contains($0, definition.name) || APIText.contains($0, "/\(definition.name)")
      }
      && filters.any("status") { $0 == partition.apiState }
      && filters.any("health") { $0 == partition.health?.rawValue ?? "none" }
      && filters.any("exited") {
        !partition.isUp && partition.state != .created && Int32($0) == partition.shellStatus
      }
      && filters.any("ancestor") {
        document.image == "host" ? HostImage.isNamed(by: $0) : document.image == $0
      }
      && filters.any("network") {
        $0 == document.networkMode || NetworkDocument.isMeant(document.network, by: $0)
      }
      && filters.any("volume") { wanted in
        document.settings.volumes.contains { $0.source == wanted || $0.destination == wanted }
      }
      && filters.any("is-task") { ["0", "false"].contains($0) } && filters["publish"] == nil
      && filters["expose"] == nil && filters.passes(labels: definition.labels)
  }
}

/// What `POST /containers/prune` asks for.
public struct ContainerPrune: Equatable, Sendable {
  private let filters: Filters

  /// Reads the query.
  ///
  /// - Throws: `APIError` for a filter that there is not, or a point in time that is none.
  init(_ query: Query) throws(APIError) {
    filters = try Filters(query.text("filters"), known: ["until", "label", "label!"])
    for value in filters["until"] ?? [] where APITime.point(value, now: 0) == nil {
      throw .badRequest("Invalid filter 'until=\(value)': give a time or a duration such as 24h")
    }
  }

  /// Those of `partitions` that are to be removed.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public func select(_ partitions: [PartitionStatus], now: Int64) -> [PartitionStatus] {
    partitions.filter { partition in
      switch partition.state {
      case .created, .exited, .crashLoop, .dead: break
      case .running, .paused, .restarting, .removing: return false
      }
      return filters.any("until") { APITime.point($0, now: now).map { partition.created <= $0 } ?? false }
        && filters.passes(labels: partition.definition.labels)
    }
  }

  /// The answer, when the containers with these ids are gone and so many bytes were freed.
  public static func response(removed ids: [String], bytes: Int64) -> JSON {
    .members(["ContainersDeleted": .texts(ids), "SpaceReclaimed": .integer(bytes)])
  }
}
