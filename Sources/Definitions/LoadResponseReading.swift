import Layers
import OCI

extension PartitionDefinition.LoadResponse: JSONRepresentable {
  /// Reads an object; what of it fits the definition that it is in, `check` finds out.
  public init(json: JSON) throws(ConfigError) {
    self.init()
    let object = try JSON.Object(json: json)
    try object.check(fields: ["idleAfter", "reclaimTo", "memory", "cpuWeight"])
    let idle = try object.duration("idleAfter", from: 1)
    idleAfter = idle ?? idleAfter
    reclaimTo = try object.value("reclaimTo", "an amount such as 16m, or 0") { ByteSize($0)?.bytes }
    memory = try object.optional("memory")
    if let weights: WeightBounds = try object.optional("cpuWeight") { cpuWeight = weights.range }
    if idle != nil, reclaimTo == nil, memory == nil {
      throw ConfigError(path: "idleAfter", reason: "is for reclaimTo and memory, and there is neither")
    }
  }

  /// The response as an object.
  public var json: JSON {
    var object = JSON.Object()
    if reclaimTo != nil || memory != nil { object.add("idleAfter", DurationText.text(idleAfter)) }
    object.add("reclaimTo", ifPresent: reclaimTo)
    object.add("memory", ifPresent: memory)
    object.add("cpuWeight", ifPresent: cpuWeight.map(WeightBounds.init))
    return .object(object)
  }

  /// Throws when a partition with `content` cannot follow the load like this.
  public func check(_ content: PartitionDefinition.Content) throws(ConfigError) {
    guard case .partition(let settings) = content else {
      let field = memory != nil ? "memory" : cpuWeight != nil ? "cpuWeight" : nil
      guard let field else { return }
      throw ConfigError(path: field, reason: "is for image and rootfs; a bundle's limits stay as they are")
    }
    if let reclaimTo, let limit = settings.memory?.bytes, reclaimTo >= limit {
      throw ConfigError(path: "reclaimTo", reason: "is not less than the partition's memory")
    }
    do throws(ConfigError) { try memory?.check(settings) } catch { throw error.inside("memory") }
    let weight = settings.cpuWeight ?? PartitionDefinition.usualWeight
    if let cpuWeight, !cpuWeight.contains(weight) {
      throw ConfigError(path: "cpuWeight", reason: "leaves out the partition's own weight, \(weight)")
    }
  }
}

extension PartitionDefinition.LoadResponse.MemoryBounds: JSONRepresentable {
  /// Reads an object with both bounds.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    try object.check(fields: ["least", "most", "calm"])
    func bound(_ field: String) throws(ConfigError) -> Int64 {
      guard let size = try object.size(field) else { throw ConfigError(path: field, reason: "is required") }
      return size.bytes
    }
    self.init(least: try bound("least"), most: try bound("most"))
    calm = try object.duration("calm", from: 1) ?? calm
    if most <= least { throw ConfigError(path: "most", reason: "must be more than least") }
  }

  /// The bounds as an object.
  public var json: JSON {
    var object = JSON.Object()
    object.add("least", least)
    object.add("most", most)
    object.add("calm", DurationText.text(calm))
    return .object(object)
  }

  fileprivate func check(_ settings: PartitionSettings) throws(ConfigError) {
    guard let given = settings.memory?.bytes else {
      throw ConfigError(
        path: "", reason: "needs the partition's memory, which is what it lends and gets back")
    }
    if least > given { throw ConfigError(path: "least", reason: "is more than the partition's memory") }
    if most < given { throw ConfigError(path: "most", reason: "is less than the partition's memory") }
    if let reservation = settings.memoryReservation?.bytes, least < reservation {
      throw ConfigError(path: "least", reason: "is less than the partition's memoryReservation")
    }
  }
}

/// The two ends of a range of weights, as an object.
private struct WeightBounds: JSONRepresentable {
  let range: ClosedRange<Int>

  init(_ range: ClosedRange<Int>) { self.range = range }

  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    try object.check(fields: ["least", "most"])
    func bound(_ field: String) throws(ConfigError) -> Int {
      guard let weight = try object.number(field, in: 1...10_000) else {
        throw ConfigError(path: field, reason: "is required")
      }
      return weight
    }
    let (least, most) = (try bound("least"), try bound("most"))
    if most <= least { throw ConfigError(path: "most", reason: "must be more than least") }
    range = least...most
  }

  var json: JSON {
    var object = JSON.Object()
    object.add("least", range.lowerBound)
    object.add("most", range.upperBound)
    return .object(object)
  }
}
