import Linux

/// What is to be sent and could not be yet.
struct OutputBuffer {
  private var bytes: [UInt8] = []
  private var sent = 0

  /// How many bytes wait.
  var count: Int { bytes.count - sent }

  mutating func append(_ more: [UInt8]) {
    if bytes.isEmpty {
      bytes = more
    } else {
      if sent > bytes.count / 2 { compact() }
      bytes.append(contentsOf: more)
    }
  }

  mutating func removeAll() {
    bytes = []
    sent = 0
  }

  /// Has `send` called until nothing is left or it throws, and says how many bytes it took.
  mutating func drain(
    _ send: (UnsafeRawBufferPointer) throws(Errno) -> Int
  ) throws(Errno) -> Int {
    let before = count
    do throws(Errno) {
      while count > 0 {
        sent += try bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
          try send(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[sent...])))
        }
      }
    } catch .resourceTemporarilyUnavailable {
      return before - count
    }
    removeAll()
    return before
  }

  private mutating func compact() {
    bytes.removeFirst(sent)
    sent = 0
  }
}
