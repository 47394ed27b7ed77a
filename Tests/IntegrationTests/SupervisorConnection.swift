import Foundation

/// A connection to a supervisor's socket, for requests byte by byte.
final class SupervisorConnection {
  /// An answer, whose body is there when it has one of a known length.
  struct Answer: CustomStringConvertible {
    let status: Int
    /// By their names in small letters.
    let headers: [String: String]
    var body = Data()

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: Any? { try? JSONSerialization.jsonObject(with: body, options: [.fragmentsAllowed]) }
    var document: Config { Config(object: json as? [String: Any] ?? [:]) }
    var message: String { document["message"] as? String ?? "" }
    var description: String { "\(status) \(headers)\n\(text.prefix(2000))" }
  }

  private let descriptor: CInt
  private var pending = Data()

  init(_ path: String) throws {
    descriptor = try UnixSocket.connected(to: path)
    var time = timeval(tv_sec: Int(patience), tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ text: String) throws {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Broken("the supervisor hung up: \(String(cString: strerror(errno)))") }
      start += count
    }
  }

  /// Says that nothing more is to come.
  func endSending() { shutdown(descriptor, CInt(SHUT_WR)) }

  /// Sends a request, and takes the whole answer.
  func ask(_ method: String, _ target: String, _ body: String? = nil) throws -> Answer {
    try begin(method, target, body)
    return try answer()
  }

  /// Sends a request.
  func begin(_ method: String, _ target: String, _ body: String? = nil, headers: [String] = []) throws {
    var head = ["\(method) \(target) HTTP/1.1", "Host: localhost"] + headers
    if let body { head += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
    try send(head.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
  }

  /// Takes a whole answer.
  func answer() throws -> Answer {
    var answer = try head()
    if answer.status == 204 || answer.status == 304 { return answer }
    if let length = answer.headers["content-length"].flatMap({ Int($0) }) {
      answer.body = try take(length)
    } else if answer.headers["transfer-encoding"] == "chunked" {
      while let chunk = try chunk() { answer.body += chunk }
    } else {
      answer.body = rest()
    }
    return answer
  }

  /// Takes what is before an answer's body.
  func head() throws -> Answer {
    let lines = String(decoding: try takeLine("\r\n\r\n"), as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].words
    guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
      throw Broken("no answer of HTTP 1.1: \(lines[0])")
    }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { throw Broken("no header: \(line)") }
      headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...]).trimmed
    }
    return Answer(status: status, headers: headers)
  }

  /// The next piece of a chunked body; `nil` at its end.
  func chunk() throws -> Data? {
    let size = String(decoding: try takeLine("\r\n"), as: UTF8.self)
    guard let count = Int(size, radix: 16) else { throw Broken("no chunk's size: \(size)") }
    let chunk = try take(count)
    guard try take(2) == Data("\r\n".utf8) else { throw Broken("a chunk of another length than \(count)") }
    return count == 0 ? nil : chunk
  }

  /// The next frame of an upgraded stream; `nil` at its end.
  func frame() throws -> (stream: UInt8, text: String)? {
    guard let head = try? take(8) else {
      guard pending.isEmpty else { throw Broken("a frame is cut short: \(Array(pending))") }
      return nil
    }
    let length = head.dropFirst(4).reduce(0) { $0 << 8 | Int($1) }
    return (head[head.startIndex], String(decoding: try take(length), as: UTF8.self))
  }

  /// All frames to the end, joined by stream.
  func frames() throws -> [UInt8: String] {
    var texts: [UInt8: String] = [:]
    while let frame = try frame() { texts[frame.stream, default: ""] += frame.text }
    return texts
  }

  /// What comes next, as it comes.
  func piece() throws -> Data {
    guard receive() else { throw Broken("nothing more comes") }
    defer { pending = Data() }
    return pending
  }

  /// All that comes until the other side ends.
  func rest() -> Data {
    while receive() {}
    defer { pending = Data() }
    return pending
  }

  private func take(_ count: Int) throws -> Data {
    while pending.count < count {
      guard receive() else { throw Broken("the answer ended \(count - pending.count) bytes early") }
    }
    defer { pending = Data(pending.dropFirst(count)) }
    return Data(pending.prefix(count))
  }

  private func takeLine(_ end: String) throws -> Data {
    while true {
      if let range = pending.range(of: Data(end.utf8)) {
        defer { pending = Data(pending[range.upperBound...]) }
        return Data(pending[..<range.lowerBound])
      }
      guard receive() else {
        throw Broken("the answer ended early, after: \(String(decoding: pending, as: UTF8.self))")
      }
    }
  }

  /// - Returns: whether more has come.
  private func receive() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = read(descriptor, &buffer, buffer.count)
    guard count > 0 else { return false }
    pending += buffer[..<count]
    return true
  }
}
