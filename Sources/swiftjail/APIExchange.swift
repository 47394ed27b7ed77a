import Linux

/// A request of which the answer has begun to come.
struct APIExchange: ~Copyable {
  /// The connection, which ends with the answer.
  let socket: Socket
  /// The status, 100 to 599.
  let status: Int
  private let path: String
  private let length: Answer.Length
  private var answer: Answer

  /// Reads the head of the answer that comes over `socket` from the supervisor that listens at `path`.
  init(_ socket: consuming Socket, with path: String) throws(Errno) {
    var answer = Answer()
    while true {
      if let head = answer.takeHead() {
        (status, length) = head
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
  mutating func read(_ take: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
    var rest: Int? = if case .bytes(let count) = length { count } else { nil }
    while true {
      if length == .chunks {
        while let chunk = answer.takeChunk() {
          if chunk.isEmpty { return }
          try take(chunk)
        }
      } else {
        let bytes = takeBytes()
        if !bytes.isEmpty { try take(bytes) }
        rest? -= bytes.count
        if let rest, rest <= 0 { return }
      }
      let more: [UInt8]?
      do throws(Errno) { more = try Answer.next(socket.descriptor) } catch {
        throw Failure(.failed, "hear from the supervisor at \(path): \(error)")
      }
      guard let more else {
        if length == .untilEnd { return }
        throw Failure(
          .failed, "the supervisor at \(path) broke off in its answer: it has ended")
      }
      answer.bytes += more
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

  /// How it is told where the body ends.
  enum Length: Equatable {
    case bytes(Int)
    case chunks
    /// With the connection.
    case untilEnd
  }

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

  /// The status and how long the body is, once all of the head is there.
  mutating func takeHead() -> (status: Int, length: Length)? {
    let end = Array("\r\n\r\n".utf8)
    guard bytes.indices.contains(where: { bytes[$0...].starts(with: end) }) else { return nil }
    let first = takeLine() ?? ""
    let words = first.split(separator: " ")
    let status = words.count > 1 ? Int(words[1]) ?? 0 : 0
    var length = status == 204 || status == 304 ? Length.bytes(0) : .untilEnd
    while let line = takeLine(), !line.isEmpty {
      let field = line.lowercased()
      let value = field.drop { $0 != ":" }.dropFirst().filter { $0 != " " }
      if field == "transfer-encoding: chunked" { length = .chunks }
      if field.hasPrefix("content-length:"), let count = Int(value) { length = .bytes(count) }
    }
    return (status, length)
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
