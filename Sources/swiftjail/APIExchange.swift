import Linux

/// A request of which the answer has begun to come.
struct APIExchange: ~Copyable {
  /// The connection, which ends with the answer.
  let socket: Socket
  /// The status, 100 to 599.
  let status: Int
  private let path: String
  private let isChunked: Bool
  private var answer: Answer

  /// Reads the head of the answer that comes over `socket` from the supervisor that listens at `path`.
  init(_ socket: consuming Socket, with path: String) throws(Errno) {
    var answer = Answer()
    while true {
      if let head = answer.takeHead() {
        (status, isChunked) = head
        break
      }
      guard let more = try Answer.next(socket.descriptor) else { throw .connectionReset }
      answer.bytes += more
    }
    self.socket = socket
    self.path = path
    self.answer = answer
  }

  /// Hands out the body as it comes, until its end.
  mutating func read(_ take: ([UInt8]) -> Void) throws(Failure) {
    do throws(Errno) {
      while true {
        if isChunked {
          while let chunk = answer.takeChunk() {
            if chunk.isEmpty { return }
            take(chunk)
          }
        } else {
          let bytes = takeBytes()
          if !bytes.isEmpty { take(bytes) }
        }
        guard let more = try Answer.next(socket.descriptor) else { return }
        answer.bytes += more
      }
    } catch {
      throw Failure(.failed, "hear from the supervisor at \(path): \(error)")
    }
  }

  /// The whole body.
  mutating func body() throws(Failure) -> [UInt8] {
    var body: [UInt8] = []
    try read { body += $0 }
    return body
  }

  /// What came behind the head.
  mutating func takeBytes() -> [UInt8] {
    defer { answer.bytes = [] }
    return answer.bytes
  }
}

/// What has come of an answer.
private struct Answer {
  var bytes: [UInt8] = []

  static func next(_ connection: borrowing FileDescriptor) throws(Errno) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) -> Int in
      try connection.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    return count == 0 ? nil : Array(buffer[..<count])
  }

  private mutating func takeLine() -> String? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let line = bytes[..<end].filter { $0 != UInt8(ascii: "\r") }
    bytes.removeFirst(end + 1)
    return String(decoding: line, as: UTF8.self)
  }

  /// The status and how the body comes, once all of the head is there.
  mutating func takeHead() -> (status: Int, isChunked: Bool)? {
    let end = Array("\r\n\r\n".utf8)
    guard bytes.indices.contains(where: { bytes[$0...].starts(with: end) }) else { return nil }
    let first = takeLine() ?? ""
    let words = first.split(separator: " ")
    var isChunked = false
    while let line = takeLine(), !line.isEmpty {
      if line.lowercased() == "transfer-encoding: chunked" { isChunked = true }
    }
    return (words.count > 1 ? Int(words[1]) ?? 0 : 0, isChunked)
  }

  /// The next chunk when all of it is there; the last one is empty.
  mutating func takeChunk() -> [UInt8]? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let digits = bytes[..<end].prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: ";") }
    let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
    guard bytes.count >= end + 1 + size + 2 else { return nil }
    let chunk = Array(bytes[(end + 1)..<(end + 1 + size)])
    bytes.removeFirst(end + 1 + size + 2)
    return chunk
  }
}
