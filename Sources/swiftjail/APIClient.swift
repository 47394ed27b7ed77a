import Linux
import OCI

/// Who asks a supervisor for something, and waits for the answer.
struct APIClient: Sendable {
  /// The supervisor's socket.
  let path: String

  /// What came back.
  struct Response: Sendable {
    /// The status, 100 to 599.
    let status: Int
    /// The body.
    let body: [UInt8]

    /// An answer with `status` and `body`.
    init(status: Int, body: [UInt8]) {
      self.status = status
      self.body = body
    }

    /// Whether the request was carried out.
    var isSuccess: Bool { (200..<300).contains(status) }

    /// Why it was not, as the supervisor says it.
    var message: String {
      if let object = try? JSON.Object(json: JSON(parsing: body)), let text = try? object.text("message") {
        return text
      }
      return "the supervisor answered \(status)"
    }
  }

  /// A client of the supervisor that listens at `path`.
  init(path: String) { self.path = path }

  /// Sends a request and waits for the whole answer.
  ///
  /// - Parameter target: path and query, percent-encoded.
  func send(
    _ method: String, _ target: String, _ document: JSON? = nil
  ) throws(Failure) -> Response {
    var body: [UInt8] = []
    let status = try stream(method, target, document) { body += $0 }
    return Response(status: status, body: body)
  }

  /// Sends a request and hands out the answer's body as it comes, until its end.
  ///
  /// - Returns: the status.
  func stream(
    _ method: String, _ target: String, _ document: JSON? = nil, _ take: ([UInt8]) -> Void
  ) throws(Failure) -> Int {
    do throws(Errno) {
      let socket = try Socket.connect(to: path)
      let body = document?.bytes() ?? []
      var head = "\(method) \(target) HTTP/1.1\r\nHost: swiftjail\r\nConnection: close\r\n"
      if document != nil { head += "Content-Type: application/json\r\n" }
      head += "Content-Length: \(body.count)\r\n\r\n"
      try socket.descriptor.writeAll(Array(head.utf8) + body)
      return try Answer.read(from: socket.descriptor, take)
    } catch .noSuchFileOrDirectory, .connectionRefused {
      throw Failure(.failed, "no swiftjaild listens at \(path): start one, or name its --socket")
    } catch {
      throw Failure(.failed, "ask the supervisor at \(path): \(error)")
    }
  }
}

/// `text` as a part of a request's target: all but letters, digits and `-._~` encoded.
func percentEncoded(_ text: String) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var bytes: [UInt8] = []
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      bytes.append(byte)
    default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// An answer as it comes over a connection that ends with it.
private struct Answer {
  private var bytes: [UInt8] = []

  static func read(
    from connection: borrowing FileDescriptor, _ take: ([UInt8]) -> Void
  ) throws(Errno) -> Int {
    var answer = Answer()
    var status: Int?
    var isChunked = false
    while let more = try next(connection) {
      answer.bytes += more
      if status == nil {
        guard let head = answer.takeHead() else { continue }
        status = head.status
        isChunked = head.isChunked
      }
      if isChunked {
        while let chunk = answer.takeChunk() {
          if chunk.isEmpty { return status ?? 0 }
          take(chunk)
        }
      } else {
        if !answer.bytes.isEmpty { take(answer.bytes) }
        answer.bytes = []
      }
    }
    guard let status else { throw .connectionReset }
    return status
  }

  private static func next(_ connection: borrowing FileDescriptor) throws(Errno) -> [UInt8]? {
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
  private mutating func takeHead() -> (status: Int, isChunked: Bool)? {
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
  private mutating func takeChunk() -> [UInt8]? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let digits = bytes[..<end].prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: ";") }
    let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
    guard bytes.count >= end + 1 + size + 2 else { return nil }
    let chunk = Array(bytes[(end + 1)..<(end + 1 + size)])
    bytes.removeFirst(end + 1 + size + 2)
    return chunk
  }
}
