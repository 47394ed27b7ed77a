/// What is to be done now about limits of memory.
struct MemoryPlan {
  /// Why a limit is changed.
  enum Reason: Equatable {
    /// It is under pressure.
    case pressure
    /// It is idle, and another one is under pressure.
    case lending(to: String)
    /// Another one needs what it lent.
    case recalled
    /// There was no pressure for some time.
    case calm
    /// What it lent is back.
    case returned
    /// Its bounds are others now.
    case bounds
  }

  /// A change of one partition's limit.
  struct Move: Equatable {
    enum Kind: Equatable {
      /// Down to a limit that is well above what it uses.
      case lowerUnused
      /// Down as far as its pages can be freed, or `byForce` in any case.
      case lowerUsed(byForce: Bool)
      case raise
      /// Not to be lowered any more.
      case release
    }

    let name: String
    let kind: Kind
    let from: Int64
    let to: Int64
    let reason: Reason
  }

  /// The changes in their order: what is raised may count on all that is `lowerUnused`, and on nothing else.
  private(set) var moves: [Move] = []

  private var members: [MemoryPool.Member]
  private let now: Int64
  /// What nobody has.
  private var free: Int64
  private var touched: Set<Int> = []

  /// What `pool` needs at the time `now`.
  init(_ pool: MemoryPool, at now: Int64) {
    members = pool.members
    free = pool.free
    self.now = now
    recall()
    let isOwed = restore()
    if !isOwed {
      // Who works goes before those that want more than they were given.
      giveFree { !$0.isIdle }
      lend()
      giveBack()
      giveFree { _ in true }
    }
    release()
  }

  /// Asks borrowers for what others have a right to: lenders in need, and those that were given it and have not got it.
  private mutating func recall() {
    for index in members.indices where members[index].limit > members[index].bounds.upperBound {
      lowerUsed(index, to: members[index].bounds.upperBound, .bounds)
    }
    let owed = members.reduce(0) { $0 + right(of: $1) }
    // What can be taken by others in need is not looked for twice.
    var missing = max(0, owed - free)
    let borrowers = members.indices.filter { members[$0].borrowed > 0 }
      .sorted { (members[$0].borrowed, members[$1].name) > (members[$1].borrowed, members[$0].name) }
    for index in borrowers where missing > 0 && !touched.contains(index) {
      let member = members[index]
      let part = min(member.borrowed, missing)
      lowerUsed(index, to: Self.down(member.limit - part, notBelow: member.given), .recalled)
      missing -= part
    }
  }

  /// What a lender is to have back now.
  private func right(of member: MemoryPool.Member) -> Int64 {
    if member.isPressed(at: now) { return member.lent }
    return max(0, min(member.lent, member.bounds.lowerBound - member.limit))
  }

  /// Gives lenders in need what is free.
  ///
  /// - Returns: whether something is still owed to them.
  private mutating func restore() -> Bool {
    var isOwed = free < 0
    for index in members.indices {
      let right = right(of: members[index])
      guard right > 0 else { continue }
      let part = min(right, max(0, free))
      if part > 0 { raise(index, by: part, .pressure) }
      if part < right { isOwed = true }
    }
    return isOwed
  }

  /// Gives those under pressure more than they were given, of what nobody has and idle ones do not use.
  private mutating func lend() {
    let needy = members.indices.filter {
      members[$0].isPressed(at: now) && members[$0].lent == 0 && !touched.contains($0)
        && !members[$0].isLowering && members[$0].limit < members[$0].bounds.upperBound
    }
    for index in needy.sorted(by: {
      (members[$0].borrowed, members[$0].name) < (members[$1].borrowed, members[$1].name)
    }) {
      let member = members[index]
      let wanted = min(member.step, member.bounds.upperBound - member.limit)
      if free < wanted { collect(wanted - free, for: member.name) }
      let part = min(wanted, free)
      if part >= min(MemoryPool.grain, wanted) && part > 0 { raise(index, by: part, .pressure) }
    }
  }

  private mutating func collect(_ wanted: Int64, for name: String) {
    var missing = wanted
    let lenders = members.indices.filter {
      members[$0].isIdle && !members[$0].isPressed(at: now) && !members[$0].isLowering
        && !touched.contains($0)
    }
    for index in lenders.sorted(by: { spare(members[$0]) > spare(members[$1]) }) where missing > 0 {
      let member = members[index]
      let spare = spare(member)
      guard spare >= MemoryPool.grain else { break }
      let part = min(spare, (missing + MemoryPool.grain - 1) / MemoryPool.grain * MemoryPool.grain)
      add(index, .lowerUnused, to: member.limit - part, .lending(to: name))
      missing -= part
    }
  }

  /// What an idle one has and neither uses nor may keep.
  private func spare(_ member: MemoryPool.Member) -> Int64 {
    member.limit - max(member.bounds.lowerBound, member.used + member.margin)
  }

  /// Has those return what they borrowed who do not need it any more.
  private mutating func giveBack() {
    for index in members.indices where members[index].borrowed > 0 && !touched.contains(index) {
      let member = members[index]
      guard !member.isPressed(at: now), member.isCalm(at: now) else { continue }
      // What it uses and nobody can take from it without harm stays.
      let needed = member.used - member.cached + member.margin
      let target = max(member.given, member.limit - member.step, needed)
      if member.limit - target >= MemoryPool.grain || target == member.given {
        lowerUsed(index, to: Self.down(target, notBelow: member.given), .calm)
      }
    }
  }

  /// Gives lenders what is back.
  private mutating func giveFree(to isChosen: (MemoryPool.Member) -> Bool) {
    for index in members.indices where members[index].lent > 0 && free > 0 && !touched.contains(index) {
      if isChosen(members[index]) { raise(index, by: min(members[index].lent, free), .returned) }
    }
  }

  private mutating func release() {
    for index in members.indices where members[index].isHeld && !members[index].isLowering {
      if !touched.contains(index) {
        add(index, .release, to: members[index].limit, .pressure)
      }
    }
  }

  private mutating func lowerUsed(_ index: Int, to target: Int64, _ reason: Reason) {
    let member = members[index]
    touched.insert(index)
    guard !member.isLowering, target < member.limit else { return }
    let isForced = reason != .calm && (member.recalledAt.map { now - $0 >= MemoryPool.grace } ?? false)
    moves.append(
      Move(
        name: member.name, kind: .lowerUsed(byForce: isForced), from: member.limit, to: target,
        reason: reason))
  }

  private mutating func raise(_ index: Int, by amount: Int64, _ reason: Reason) {
    add(index, .raise, to: members[index].limit + amount, reason)
  }

  private mutating func add(_ index: Int, _ kind: Move.Kind, to limit: Int64, _ reason: Reason) {
    let member = members[index]
    moves.append(Move(name: member.name, kind: kind, from: member.limit, to: limit, reason: reason))
    free += member.limit - limit
    members[index].limit = limit
    touched.insert(index)
  }

  private static func down(_ limit: Int64, notBelow least: Int64) -> Int64 {
    max(least, limit / MemoryPool.grain * MemoryPool.grain)
  }
}
