import Linux

/// A connection on which nothing is being answered: its client is to do something, or has sent so many requests ahead
/// that others are to have their turn before the next.
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
/// A request that is sent at once is not waited for, so a flood of others, however they keep their connections, drives
/// out none but its own.
enum HTTPWayGiving {
  /// Of the connections `waiting`, the one to give way, when there are `places` in all.
  ///
  /// Who holds more than half of the places gives way before all others: a user, and of a user a process. One that is
  /// idle does before any that is not, then one of the user and of the process with most, and of these the one that
  /// waits longest.
  static func next(of waiting: [HTTPWaiting], places: Int) -> HTTPWaiting? {
    let users = counts(waiting) { $0.peer.user }
    let processes = counts(waiting) { $0.process }
    let user = users.first { $0.value * 2 > places }?.key
    let process = processes.first { $0.value * 2 > places }?.key
    let candidates = waiting.filter {
      (user == nil || $0.peer.user == user) && (process == nil || $0.process == process)
    }
    func rank(_ one: HTTPWaiting) -> (Int, Int, Int, Int64) {
      (one.isIdle ? 0 : 1, -(users[one.peer.user] ?? 0), -(processes[one.process] ?? 0), one.since)
    }
    return candidates.min { rank($0) < rank($1) }
  }

  private static func counts<Owner: Hashable>(
    _ waiting: [HTTPWaiting], by owner: (HTTPWaiting) -> Owner
  ) -> [Owner: Int] {
    var counts: [Owner: Int] = [:]
    for one in waiting { counts[owner(one), default: 0] += 1 }
    return counts
  }
}
