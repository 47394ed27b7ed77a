import Linux

/// Waits for descriptors and for points in time, and calls whoever asked for them, one after the other.
///
/// Nothing that is called may wait for anything itself.
public final class EventLoop {
  /// What is called when something comes on a descriptor.
  public typealias Handler = (Epoll.Events) -> Void

  private struct Watched {
    var generation: UInt32
    var handler: Handler?
  }

  /// A point in time at which something is called, until it is cancelled.
  public struct Timer: Hashable, Sendable {
    fileprivate let deadline: Int64
    fileprivate let number: UInt64
  }

  private let epoll: Epoll
  /// By descriptor number. The generation tells an event for one that was forgotten from one for its successor.
  private var watched: [Watched] = []
  private var timers = TimerQueue()
  private var nextTimer: UInt64 = 0
  private var actions: [UInt64: () -> Void] = [:]
  private var isStopped = false

  /// A loop that waits for nothing yet.
  public init() throws(Errno) { epoll = try Epoll() }

  /// Calls `handler` each time `events` come on the descriptor number `number`, until it is forgotten: before it is closed.
  public func watch(
    _ number: Int32, _ events: Epoll.Events, _ handler: @escaping Handler
  ) throws(Errno) {
    let index = Int(number)
    while watched.count <= index { watched.append(Watched(generation: 0)) }
    watched[index].generation &+= 1
    try epoll.add(number, events, mark: mark(number))
    watched[index].handler = handler
  }

  /// Changes what is waited for on a descriptor that is watched.
  public func change(_ number: Int32, to events: Epoll.Events) throws(Errno) {
    try epoll.change(number, events, mark: mark(number))
  }

  /// Watches a descriptor no more.
  public func forget(_ number: Int32) {
    let index = Int(number)
    guard watched.indices.contains(index), watched[index].handler != nil else { return }
    watched[index].handler = nil
    try? epoll.remove(number)
  }

  private func mark(_ number: Int32) -> UInt64 {
    UInt64(watched[Int(number)].generation) << 32 | UInt64(UInt32(bitPattern: number))
  }

  /// Calls `action` once, in `milliseconds`.
  @discardableResult
  public func after(milliseconds: Int64, _ action: @escaping () -> Void) -> Timer {
    nextTimer += 1
    // Whoever asks for more than a hundred years may wait that long.
    let wait = max(0, min(milliseconds, 100 * 365 * 86_400_000)) * 1_000_000
    let timer = Timer(deadline: Clock.monotonic() + wait, number: nextTimer)
    actions[timer.number] = action
    timers.insert(timer.deadline, timer.number)
    return timer
  }

  /// Does not call what `timer` was to call.
  public func cancel(_ timer: Timer) {
    actions[timer.number] = nil
    // Most are cancelled long before their time.
    if timers.count > 2 * actions.count + 64 { timers.keep { actions[$0] != nil } }
  }

  /// How many points in time are kept, of timers that were cancelled as well.
  var timerCount: Int { timers.count }

  /// Waits and calls until it is stopped.
  public func run() throws(Errno) {
    isStopped = false
    while !isStopped { try turn() }
  }

  /// Ends `run` when what is being called has returned.
  public func stop() { isStopped = true }

  /// Waits once, for at most `longest` milliseconds, and calls for what came.
  public func turn(longest: Int32? = nil) throws(Errno) {
    for ready in try epoll.wait(milliseconds: timeout(longest)) {
      let index = Int(ready.mark & 0xffff_ffff)
      let generation = UInt32(ready.mark >> 32)
      guard watched[index].generation == generation, let handler = watched[index].handler else { continue }
      handler(ready.events)
    }
    let now = Clock.monotonic()
    while let number = timers.removeFirst(before: now) {
      if let action = actions.removeValue(forKey: number) { action() }
    }
  }

  private func timeout(_ longest: Int32?) -> Int32? {
    while let (_, number) = timers.first, actions[number] == nil { timers.removeFirst() }
    guard let (deadline, _) = timers.first else { return longest }
    // Rounded up, so that nothing is called before its time.
    let milliseconds = max(0, (deadline - Clock.monotonic() + 999_999) / 1_000_000)
    let wait = Int32(min(milliseconds, Int64(Int32.max)))
    return longest.map { min($0, wait) } ?? wait
  }
}

/// Points in time with what they are for, the earliest first.
struct TimerQueue {
  private var heap: [(deadline: Int64, number: UInt64)] = []

  var first: (deadline: Int64, number: UInt64)? { heap.first }
  var count: Int { heap.count }

  /// Forgets those for which `isWanted` is not so.
  mutating func keep(_ isWanted: (UInt64) -> Bool) {
    // What is sorted is a heap.
    heap = heap.filter { isWanted($0.number) }.sorted { $0.deadline < $1.deadline }
  }

  mutating func insert(_ deadline: Int64, _ number: UInt64) {
    heap.append((deadline, number))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].deadline < heap[parent].deadline else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  @discardableResult
  mutating func removeFirst() -> UInt64? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first.number }
    heap[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].deadline < heap[child].deadline { child += 1 }
      guard heap[child].deadline < heap[parent].deadline else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return first.number
  }

  /// Takes out the earliest when it is not after `now`.
  mutating func removeFirst(before now: Int64) -> UInt64? {
    guard let first = heap.first, first.deadline <= now else { return nil }
    return removeFirst()
  }
}
