import Linux
import OCI

/// Which of a supervisor's keepers it is, and where it listens.
///
/// There is one, unless it may not have enough descriptors for all partitions: then the next one takes what this one has no
/// room for.
public struct KeeperPlace: Equatable, Sendable {
  /// Where the keepers of the supervisor listen.
  public let directory: String
  /// 0 is the first.
  public let number: Int

  /// How many keepers there may be at most.
  static let most = 64

  /// The place of the keeper `number` among those in `directory`; `nil` when there are not so many.
  public init?(_ directory: String, _ number: Int) {
    guard (0..<Self.most).contains(number) else { return nil }
    self.directory = directory
    self.number = number
  }

  /// The first keeper's.
  init(first directory: String) {
    self.directory = directory
    number = 0
  }

  /// The name of its socket.
  private var name: String { number == 0 ? "keeper" : "keeper-\(number)" }

  /// Where it listens.
  var path: String { "\(directory)/\(name)" }

  /// Those of which there is a socket in `directory`, whether somebody listens there or not.
  static func all(in directory: String) throws(Errno) -> [KeeperPlace] {
    let names = Set(try Directory.entries(of: directory).map(\.name))
    return (0..<most).compactMap { KeeperPlace(directory, $0) }.filter { names.contains($0.name) }
  }

  // MARK: Numbers of ends

  /// The number of the next end that it tells of: greater than its last one and than those of all keepers that have ended
  /// before, as all go by the same clock, and none that another keeper gives.
  func nextEnd(after last: UInt64, now: Int64) -> UInt64 {
    let most = UInt64(Self.most)
    return (max(last, UInt64(clamping: now)) / most + 1) * most + UInt64(number)
  }

  /// The number of the keeper that gave an end its number.
  static func number(ofEnd end: UInt64) -> Int { Int(end % UInt64(most)) }
}

/// How many partitions a keeper has room for.
struct KeeperRoom: Equatable {
  /// That many in all.
  let partitions: Int
  /// That many at once may be on their way to run,
  let starts: Int
  /// beside that many that take long: they wait for somebody, most likely, and cost little beside memory.
  let longStarts: Int
  /// So many clients at once may be attached to them.
  let attachments: Int

  /// What a partition costs: the ends of its two outputs and of its input.
  private static let cost = 3
  /// What one that is being started costs beside that, for a moment.
  private static let startCost = 8
  /// What one that takes long costs beside that: its worker's socket.
  private static let longStartCost = 1
  /// What it needs itself.
  private static let reserve = 32

  /// The room that `descriptors` give, on a machine with so many processors: more starts at once than those can work on
  /// only take memory.
  init(descriptors: UInt64, processors: Int) {
    let descriptors = Int(clamping: descriptors)
    starts = max(1, min(2 * processors + 8, descriptors / 64))
    longStarts = max(1, min(256, descriptors / 64))
    attachments = max(4, descriptors / 32)
    let beside = Self.reserve + starts * Self.startCost + longStarts * Self.longStartCost + attachments
    partitions = max(1, (descriptors - beside) / Self.cost)
  }
}
