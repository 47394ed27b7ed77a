import Layers

extension PartitionDefinition {
  /// How a partition follows the load, and the bounds that this never leaves.
  public struct LoadResponse: Equatable, Sendable {
    /// The limit of memory that a partition may be left with and get, in bytes: what it does not need it lends to others,
    /// and what it needs it borrows.
    public struct MemoryBounds: Equatable, Sendable {
      /// The lowest limit, at most the one that its definition gives it.
      public var least: Int64
      /// The highest limit, at least that one.
      public var most: Int64
      /// For how long there has to be no pressure before it gives back what it has borrowed, in milliseconds.
      public var calm: Int64 = 30_000

      /// A limit from `least` to `most`.
      public init(least: Int64, most: Int64) {
        self.least = least
        self.most = most
      }
    }

    /// After how long without work it is idle, in milliseconds.
    public var idleAfter: Int64 = 60_000
    /// Down to which amount the memory of an idle one is given back, in bytes; `nil` for not at all.
    public var reclaimTo: Int64?
    /// Between which limits its memory lies; `nil` for one that does not move.
    public var memory: MemoryBounds?
    /// Between which weights its share of CPU time lies; `nil` for one that does not move.
    public var cpuWeight: ClosedRange<Int>?

    /// One that follows nothing.
    public init() {}

    /// Whether there is nothing that it follows.
    public var isEmpty: Bool { reclaimTo == nil && memory == nil && cpuWeight == nil }
  }

  /// The weight of a partition whose definition says nothing of it.
  public static let usualWeight = 100
}

/// How partitions follow the load whose definitions say nothing of it.
public struct LoadDefaults: Equatable, Sendable {
  /// After how long idle ones give back memory, in milliseconds; `nil` for never.
  public var reclaimAfter: Int64?
  /// Between which parts of the limit that its definition gives it the limit of a partition lies, in percent; `nil` for one
  /// that does not move.
  public var memory: ClosedRange<Int>?
  /// Between which weights they lie; `nil` for those that do not move.
  public var cpuWeight: ClosedRange<Int>?

  /// Nothing follows anything.
  public init() {}

  /// How the partition that `definition` defines follows the load; `nil` when it does not.
  ///
  /// What its definition says stands for all of the defaults.
  public func response(for definition: PartitionDefinition) -> PartitionDefinition.LoadResponse? {
    var response = definition.load ?? PartitionDefinition.LoadResponse()
    if definition.load == nil {
      response.idleAfter = reclaimAfter ?? response.idleAfter
      if reclaimAfter != nil { response.reclaimTo = 0 }
      if case .partition(let settings) = definition.content {
        response.memory = memory.flatMap { bounds(of: settings, $0) }
        let weight = settings.cpuWeight ?? PartitionDefinition.usualWeight
        response.cpuWeight = cpuWeight.flatMap { $0.contains(weight) ? $0 : nil }
      }
    }
    return response.isEmpty ? nil : response
  }

  private func bounds(
    of settings: PartitionSettings, _ percent: ClosedRange<Int>
  ) -> PartitionDefinition.LoadResponse.MemoryBounds? {
    guard let given = settings.memory?.bytes else { return nil }
    func part(_ percent: Int) -> Int64 {
      let (product, overflow) = given.multipliedReportingOverflow(by: Int64(percent))
      return overflow ? Int64.max : product / 100
    }
    let least = max(1, part(percent.lowerBound), settings.memoryReservation?.bytes ?? 0)
    return PartitionDefinition.LoadResponse.MemoryBounds(
      least: min(given, least), most: max(given, part(percent.upperBound)))
  }
}
