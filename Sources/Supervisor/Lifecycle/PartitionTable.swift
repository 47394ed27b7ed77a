/// Partitions by their names, and by their ids.
struct PartitionTable {
  private var byName: [String: Partition] = [:]
  private var byID: [String: Partition] = [:]
  /// The instances of each function, by their names.
  private var byFunction: [String: [String: Partition]] = [:]
  /// How often a name has become free.
  private(set) var removals: UInt64 = 0

  /// The partition called `name`, which is its name at that time.
  subscript(name: String) -> Partition? {
    get { byName[name] }
    set {
      let former = byName[name]
      byName[name] = newValue
      if former != nil, newValue == nil { removals += 1 }
      if let function = (newValue ?? former)?.record.function {
        byFunction[function, default: [:]][name] = newValue
        if byFunction[function]?.isEmpty == true { byFunction[function] = nil }
      }
      // It may have another name by now.
      if let former, former !== newValue, former.name == name { byID[former.record.id] = nil }
      if let newValue { byID[newValue.record.id] = newValue }
    }
  }

  /// The partition with the whole id `id`.
  func withID(_ id: String) -> Partition? { byID[id] }

  /// The instances of the function called `name`, in no order.
  func instances(of name: String) -> some Collection<Partition> { (byFunction[name] ?? [:]).values }

  /// All of them, in no order.
  var values: some Collection<Partition> { byName.values }

  var count: Int { byName.count }
}
