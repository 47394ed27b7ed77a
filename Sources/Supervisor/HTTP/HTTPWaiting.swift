import Linux

/// A connection on which nothing happens before its client does something.
struct HTTPWaiting {
  /// By which the server knows it.
  let number: UInt64
  let peer: PeerCredentials
  /// Since when, on the monotonic clock.
  let since: Int64
  /// Whether nothing of a request is there.
  let isIdle: Bool

  /// The process, which in another pid namespace has no number of its own.
  fileprivate var process: UInt64 {
    UInt64(peer.user) << 32 | UInt64(UInt32(bitPattern: peer.pid))
  }
}

/// Whose connection gives way to a new one.
///
/// A client that sends its request at once waits for nothing that it has in its own hands, so a flood of others, however
/// they keep their connections, drives out none but its own.
enum HTTPWayGiving {
  /// Of the connections `waiting`, the one to give way, when there are `places` in all.
  ///
  /// Who holds more than half of the places gives way first: a user, and of a user a process. Of the others one that is
  /// idle does, and where there is none, one of whoever has most. Of several it is the one that waits longest.
  static func next(of waiting: [HTTPWaiting], places: Int) -> HTTPWaiting? {
    let crowd = crowd(crowd(waiting, places) { UInt64($0.peer.user) }, places, by: \.process)
    if let idle = crowd.filter(\.isIdle).min(by: { $0.since < $1.since }) { return idle }
    let users = Dictionary(grouping: crowd, by: \.peer.user).mapValues(\.count)
    let processes = Dictionary(grouping: crowd, by: \.process).mapValues(\.count)
    func rank(_ one: HTTPWaiting) -> (Int, Int, Int64) {
      (-(users[one.peer.user] ?? 0), -(processes[one.process] ?? 0), one.since)
    }
    return crowd.min { rank($0) < rank($1) }
  }

  /// Those of whoever holds more than half of the places; all where nobody does.
  private static func crowd(
    _ waiting: [HTTPWaiting], _ places: Int, by owner: (HTTPWaiting) -> UInt64
  ) -> [HTTPWaiting] {
    let largest = Dictionary(grouping: waiting, by: owner).values.max { $0.count < $1.count }
    guard let largest, largest.count * 2 > places else { return waiting }
    return largest
  }
}
