/// Several of a process's standard streams in one, as Docker's attach, logs and exec send them when it has no terminal
/// (`application/vnd.docker.multiplexed-stream`).
public enum MultiplexedStream {
  /// Which of them.
  public enum Part: UInt8, Sendable {
    case input = 0
    case output = 1
    case error = 2
  }

  /// `bytes` of `part`, after eight bytes that say which and how many, big-endian.
  public static func frame(_ part: Part, _ bytes: some Collection<UInt8>) -> [UInt8] {
    var frames: [UInt8] = []
    frames.reserveCapacity(bytes.count + 8)
    var rest = bytes[...]
    // The length has four bytes.
    while !rest.isEmpty {
      let payload = rest.prefix(Int(UInt32.max))
      let count = UInt32(payload.count)
      frames += [part.rawValue, 0, 0, 0]
      frames += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
      frames += payload
      rest = rest.dropFirst(payload.count)
    }
    return frames
  }
}
