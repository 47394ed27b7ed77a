import Definitions

/// Limits of memory that partitions lend each other: what one has less than it was given, others have more.
///
/// All of them together never get more than they were given, and none gets less or more than its bounds say. Amounts are
/// bytes, times milliseconds by a clock that nobody sets.
struct MemoryPool {
  /// Those that run and take part.
  private var table: [String: Member] = [:]

  /// Changes of a limit smaller than this are not worth a write.
  static let grain: Int64 = 64 << 10
  /// For so long after the kernel told of it there is pressure.
  static let pressureTime: Int64 = 2000
  /// For so long pages that others have a right to are waited for before the limit is lowered all the same.
  static let grace: Int64 = 10_000
  /// However often giving back brought pressure, it is tried again after this time.
  static let longestCalm: Int64 = 600_000

  /// What all of them were given and do not have.
  var free: Int64 { table.values.reduce(0) { $0 + ($1.given - $1.limit) } }

  /// Its members, by name.
  var members: [Member] { table.values.sorted { $0.name < $1.name } }

  subscript(name: String) -> Member? {
    get { table[name] }
    set { table[name] = newValue }
  }

  /// Whether all have what they were given, and none is short of it.
  func isAtRest(at now: Int64) -> Bool {
    table.values.allSatisfy { $0.limit == $0.given && !$0.isHeld && !$0.isPressed(at: now) }
  }
}

extension MemoryPool {
  /// One that takes part.
  struct Member: Equatable {
    let name: String
    /// The limit that its definition gives it.
    var given: Int64
    var bounds: ClosedRange<Int64>
    /// The limit in force.
    var limit: Int64
    /// What it was last seen to use.
    var used: Int64 = 0
    /// What of that can be freed at once: pages of files.
    var cached: Int64 = 0
    /// Whether it has not worked for some time.
    var isIdle = false
    /// Whether the lowering of its limit is under way.
    var isLowering = false
    /// Whether it is being held below its limit, so that this can be lowered.
    var isHeld = false
    /// When it was first seen here. The last supervisor may have seen pressure just before.
    let since: Int64
    /// When the kernel last told of pressure.
    var pressureAt: Int64?
    /// Since when others wait for what it has.
    var recalledAt: Int64?
    /// When it last gave something back by itself.
    fileprivate(set) var returnedAt: Int64?
    /// For how long there must have been no pressure before it gives back.
    fileprivate(set) var calm: Int64
    private let usualCalm: Int64

    /// A partition with the limit `limit` in force at the time `now`.
    init(
      _ name: String, given: Int64, _ bounds: PartitionDefinition.LoadResponse.MemoryBounds, limit: Int64,
      at now: Int64
    ) {
      self.name = name
      since = now
      self.given = given
      self.bounds = bounds.least...bounds.most
      // The kernel counts in pages.
      self.limit = abs(limit - given) < MemoryPool.grain ? given : limit
      calm = bounds.calm
      usualCalm = bounds.calm
    }

    /// The same partition by another definition.
    func with(given: Int64, _ bounds: PartitionDefinition.LoadResponse.MemoryBounds) -> Member {
      var member = Member(name, given: given, bounds, limit: limit, at: since)
      member.used = used
      member.cached = cached
      member.isIdle = isIdle
      member.isLowering = isLowering
      member.isHeld = isHeld
      member.pressureAt = pressureAt
      member.recalledAt = recalledAt
      return member
    }

    /// What it has lent.
    var lent: Int64 { max(0, given - limit) }
    /// What it has borrowed.
    var borrowed: Int64 { max(0, limit - given) }
    /// What it is left to grow by when others take from it.
    var margin: Int64 { max(given / 8, 1 << 20) }
    /// How much more or less it gets at once.
    var step: Int64 { max(MemoryPool.grain, given / 4 / MemoryPool.grain * MemoryPool.grain) }

    /// Whether it was under no pressure for so long that it can return what it has borrowed.
    func isCalm(at now: Int64) -> Bool { now - (pressureAt ?? since) >= calm }

    func isPressed(at now: Int64) -> Bool {
      pressureAt.map { now - $0 < MemoryPool.pressureTime } ?? false
    }

    /// Notes that the kernel tells of pressure.
    mutating func press(at now: Int64) {
      // What it gave back it was in need of: next time it is asked later.
      if !isPressed(at: now) {
        let wasTooEarly = returnedAt.map { now - $0 < calm } ?? false
        calm = wasTooEarly ? min(calm * 2, max(usualCalm, MemoryPool.longestCalm)) : usualCalm
      }
      pressureAt = now
    }

    /// Notes which limit is in force, after it was to be lowered.
    mutating func lowered(to new: Int64, at now: Int64) {
      if new < limit { returnedAt = now }
      limit = abs(new - given) < MemoryPool.grain ? given : new
    }
  }

  /// The limit that a partition gets that was just started: less than it is given when others have not returned what was
  /// lent to them before.
  func admission(_ member: Member) -> Int64 {
    let missing = max(0, -free)
    let limit = member.given - missing
    return min(member.given, max(member.bounds.lowerBound, member.used + member.margin, limit))
  }
}
