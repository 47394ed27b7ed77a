/// Whether a partition has worked lately. Times are milliseconds by a clock that nobody sets.
struct IdleState {
  private var last: (time: Int64, processorTime: UInt64)?
  private var pageIns: UInt64?
  /// When it was last seen to have worked.
  private var workedAt: Int64

  /// The processor time that is no work, in microseconds a second: a program that looks at the clock now and then idles.
  static let noise: UInt64 = 1000

  /// A partition that is first looked at, at the time `now`.
  init(at now: Int64) { workedAt = now }

  /// Notes what has been used until the time `now`: processor time in microseconds, and how often pages had to be read back,
  /// which is asked for only when the first does not tell already.
  mutating func note(at now: Int64, processorTime: UInt64, pageIns current: () -> UInt64?) {
    defer { last = (now, processorTime) }
    guard let last else {
      pageIns = current()
      return workedAt = now
    }
    let used = processorTime >= last.processorTime ? processorTime - last.processorTime : .max
    let time = UInt64(max(0, now - last.time))
    if used > max(1, time * Self.noise / 1000) { return workedAt = now }
    let count = current()
    if count != pageIns { workedAt = now }
    pageIns = count
  }

  /// For how long it had not worked when it was last looked at, in milliseconds.
  var idleTime: Int64 { last.map { max(0, $0.time - workedAt) } ?? 0 }

  /// Notes that it was seen to work otherwise.
  mutating func noteWork(at now: Int64) { workedAt = now }
}
