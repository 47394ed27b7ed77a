/// What all connections of a server share, and what of it is taken.
final class HTTPRoom {
  private let settings: HTTPServer.Settings
  /// How many connections are streams or hijacked.
  private(set) var streams = 0
  /// How much of requests' bodies is kept, in bytes, beside what each connection may keep in any case.
  private(set) var bodies = 0
  /// How much waits to be sent, in bytes.
  private(set) var output = 0

  init(_ settings: HTTPServer.Settings) { self.settings = settings }

  /// Whether one more stream may be started for the user `user`.
  func hasStream(for user: UInt32) -> Bool {
    streams < settings.streams + (user == 0 ? settings.reserved : 0)
  }

  /// How much may wait to be sent on a connection that is to be writable, in bytes.
  var outputMark: Int { output < settings.outputs ? settings.outputMark : settings.smallOutput }

  /// How much may wait to be sent on a connection that is written to regardless, in bytes.
  var outputLimit: Int { output < settings.outputs ? settings.outputLimit : settings.smallOutput }

  /// Notes that `waiting` bytes wait to be sent on a connection for which that was noted last: `noted`, which it is then.
  func note(waiting: Int, _ noted: inout Int) {
    output += waiting - noted
    noted = waiting
  }

  /// Notes that a connection has become a stream.
  func addStream() { streams += 1 }

  /// Notes that a connection is a stream no more.
  func removeStream() { streams -= 1 }

  /// Has a connection keep `size` bytes of a body.
  ///
  /// - Parameter held: what it has taken for that; what it has taken then.
  /// - Returns: whether there is room for it. When there is none, it has taken what it had.
  func hold(_ size: Int, _ held: inout Int) -> Bool {
    // Small requests are served whatever others send.
    let wanted = max(0, size - settings.smallBody)
    guard wanted <= held || bodies - held + wanted <= settings.bodies else { return false }
    bodies += wanted - held
    held = wanted
    return true
  }
}
