import Container
import Linux

/// What the keeper does about starts that take long: they hold up nobody else, the person who runs it hears of them, and they
/// can be cut short.
extension Keeper {
  /// A start that takes so long, in milliseconds, waits for somebody, most likely, and others are begun beside it.
  static let patience: Int64 = 1000
  /// Of one that takes so long, in milliseconds, the person who runs it hears.
  static let longPatience: Int64 = 10_000
  /// So long each of the two ways is tried to end one, in milliseconds.
  static let endPatience: Int64 = 1000
  static let cut = "it was stopped before it ran"

  func awaitStart(_ name: String, _ begun: Starting) {
    begun.timer = loop.after(milliseconds: Self.patience) { [unowned self] in
      begun.timer = nil
      guard longStarts < room.longStarts else { return awaitStart(name, begun) }
      begun.isLong = true
      longStarts += 1
      if longStarts == room.longStarts {
        say(.note("\(longStarts) starts take long, which is the most beside which others are begun"))
      }
      begun.timer = loop.after(milliseconds: Self.longPatience - Self.patience) { [unowned self] in
        begun.timer = nil
        say(.note("\(name): its start takes long: \(StartDelay.text(of: process(of: name, begun)))"))
      }
      workQueueOff()
    }
  }

  /// The process that a start waits for: the first of the container, or else that which makes it.
  func process(of name: String, _ begun: Starting) -> Int32 {
    Orphan.pid(of: name, in: store, since: begun.began) { _ in false } ?? begun.pid
  }

  /// Ends the start of a partition: its first process, whereupon the worker takes back what was done; then the worker; and
  /// when neither can be killed, it is given up.
  func cutShort(_ name: String) {
    if queue.remove(name) {
      handOver(name)
      say(.failed(name: name, reason: Self.cut))
      return endIfIdle()
    }
    guard let begun = starting[name], !begun.isCutShort else { return }
    begun.isCutShort = true
    let first = process(of: name, begun)
    kill(first)
    guard first != begun.pid else { return awaitEnd(name, begun) }
    loop.after(milliseconds: Self.endPatience) { [unowned self] in awaitEnd(name, begun) }
  }

  func awaitEnd(_ name: String, _ begun: Starting) {
    guard starting[name] === begun else { return }
    kill(begun.pid)
    loop.after(milliseconds: Self.endPatience) { [unowned self] in
      guard starting[name] === begun else { return }
      let process = process(of: name, begun)
      kill(process)
      leave(name, begun)
      stuck[name] = begun
      let text = StartDelay.text(of: process)
      say(.note("\(name): its start was given up, and cannot be ended: \(text)"))
      fail(name, begun, "\(Self.cut), and cannot be ended: \(text)")
      workQueueOff()
    }
  }

  /// Kills a child, unless that has ended and its number is another's.
  func kill(_ pid: Int32) {
    guard names[pid] == nil, (try? ProcessStatus.of(pid))?.parent == ProcessControl.pid else { return }
    try? Pidfd(of: pid).send(.kill)
  }

  /// What was given up has come to its end after all, or runs, which nobody wants any more.
  func endStuck(_ name: String, _ begun: Starting, _ report: WorkerReport?) {
    if case .started(let pid)? = report ?? adoption(of: name, begun) { kill(pid) }
    stuck[name] = nil
    loop.forget(begun.number)
    endIfIdle()
  }
}
