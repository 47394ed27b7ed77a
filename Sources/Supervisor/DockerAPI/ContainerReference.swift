import Definitions

/// How a request names a container: by its id, the beginning of that, or its name.
public struct ContainerReference: Hashable, Sendable {
  /// What was found.
  public enum Match: Equatable, Sendable {
    /// Nothing.
    case none
    /// The one at this place.
    case one(Int)
    /// More than one container, as the beginning of their ids is the same.
    case ambiguous
  }

  /// What the request says, without a leading slash.
  public let text: String

  /// The reference `text`.
  public init(_ text: some StringProtocol) {
    self.text = String(text.hasPrefix("/") ? text.dropFirst() : text[...])
  }

  /// Whether it may be an id, or the beginning of one.
  var mayBeID: Bool {
    !text.isEmpty && text.utf8.count <= 64
      && text.utf8.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }

  /// Finds it among containers: the id itself goes before a name, and that before the beginning of an id.
  public func match(_ count: Int, id: (Int) -> String, name: (Int) -> String) -> Match {
    guard !text.isEmpty else { return .none }
    var named: Int?
    var begun: Int?
    var isAmbiguous = false
    for index in 0..<count {
      let id = id(index)
      if id == text { return .one(index) }
      if name(index) == text { named = index }
      if id.utf8.starts(with: text.utf8) {
        if begun != nil { isAmbiguous = true }
        begun = index
      }
    }
    if let named { return .one(named) }
    if isAmbiguous { return .ambiguous }
    return begun.map { .one($0) } ?? .none
  }

  /// Finds it among `partitions`.
  ///
  /// - Throws: `APIError` when it names none, or more than one.
  public func find(in partitions: [PartitionStatus]) throws(APIError) -> PartitionStatus {
    switch match(
      partitions.count, id: { partitions[$0].id }, name: { partitions[$0].definition.name })
    {
    case .one(let index): return partitions[index]
    case .none: throw .noSuchContainer(text)
    case .ambiguous: throw ambiguous
    }
  }

  /// The error for a reference that is ambiguous.
  public var ambiguous: APIError {
    .badRequest("Multiple IDs found with provided prefix: \(text)")
  }
}
