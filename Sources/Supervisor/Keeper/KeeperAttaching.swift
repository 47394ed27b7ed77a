import Linux

/// How the keeper passes on what partitions write to those who are attached to them.
extension Keeper {
  func attach(_ socket: consuming Socket, _ wanted: KeeperAttachment) {
    // The other end sees that it was closed.
    guard taps.value < room.attachments, let tap = try? OutputTap(socket, wanted, taps, loop) else { return }
    let name = wanted.name
    if let output = output(of: name) {
      output.add(tap)
    } else if wanted.waits || queue.contains(name) {
      expected[name, default: []].append(tap)
    } else {
      tap.end()
    }
  }

  func output(of name: String) -> OutputPump? {
    partitions[name]?.output ?? starting[name]?.output ?? failing[name]
  }

  /// Gives those what a partition writes who have waited for its start.
  func handOver(_ name: String) {
    guard let taps = expected.removeValue(forKey: name) else { return }
    for tap in taps { if let output = output(of: name) { output.add(tap) } else { tap.end() } }
  }

  /// Those who asked for them are gone.
  func forgetExpected() {
    for name in expected.keys { handOver(name) }
  }
}
