import Glibc
import Linux
import Testing

@testable import Supervisor

/// A server on a loop of its own, with clients in the same thread.
final class HTTPService {
  let loop: EventLoop
  let directory: String
  private(set) var server: HTTPServer?

  var path: String { "\(directory)/api.sock" }

  init(_ settings: HTTPServer.Settings = HTTPServer.Settings(), _ handler: @escaping HTTPServer.Handler)
    throws
  {
    var template = Array("/tmp/swiftjail-http-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    loop = try EventLoop()
    server = try HTTPServer(loop: loop, path: path, settings: settings, handler: handler)
  }

  deinit {
    server = nil
    try? Directory.removeTree(directory)
  }

  func closeServer() { server = nil }

  /// A client that has sent `text`.
  func client(_ text: String = "") throws -> HTTPClient {
    let client = HTTPClient(try Socket.connect(to: path))
    try send(text, by: client)
    return client
  }

  /// Lets the server work until `condition` is so.
  func turn(
    until condition: () throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let start = Clock.monotonic()
    while try !condition() {
      try loop.turn(longest: 1)
      guard Clock.monotonic() - start < 5_000_000_000 else {
        Issue.record("that did not happen in five seconds", sourceLocation: sourceLocation)
        throw Errno.timedOut
      }
    }
  }

  /// Lets the server do all that it can do now.
  func settle() throws {
    for _ in 0..<5 { try loop.turn(longest: 0) }
  }

  /// Sends all of `text`, while the server works.
  func send(_ text: String, by client: HTTPClient) throws {
    var rest = Array(text.utf8)
    try turn {
      rest.removeFirst(try client.send(rest))
      return rest.isEmpty
    }
  }

  /// All that has come to `client` once `text` is at its end.
  @discardableResult
  func wait(
    _ client: HTTPClient, for text: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    do {
      try turn {
        client.receiveAll()
        return client.bytes.suffix(text.utf8.count).elementsEqual(text.utf8)
      }
    } catch {
      Issue.record("\(client.receive()) does not end with \(text)", sourceLocation: sourceLocation)
    }
    return client.receive()
  }

  /// All that has come to `client` when the server has closed the connection.
  func waitForEnd(
    _ client: HTTPClient, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    try turn(
      until: {
        client.receive(); return client.isEnded
      }, sourceLocation: sourceLocation)
    return client.receive()
  }
}

/// One client's end of a connection.
final class HTTPClient {
  private var socket: Socket?
  private(set) var bytes: [UInt8] = []
  private(set) var isEnded = false
  /// Whether the end was an error.
  private(set) var isReset = false

  init(_ socket: consuming Socket) { self.socket = consume socket }

  /// Sends what can be sent now, and says how much.
  func send(_ bytes: [UInt8]) throws -> Int {
    do {
      return try bytes.withUnsafeBytes(send)
    } catch let error as Errno where error == .resourceTemporarilyUnavailable {
      return 0
    }
  }

  private func send(_ bytes: UnsafeRawBufferPointer) throws -> Int { try socket?.sendNow(bytes) ?? 0 }

  /// Receives what has come, and returns all that ever came.
  @discardableResult
  func receive() -> String {
    receiveAll()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Receives what has come.
  func receiveAll() { while receive(atMost: 1 << 16) > 0 {} }

  /// Receives what has come, at most `limit` bytes, and says how many.
  @discardableResult
  func receive(atMost limit: Int) -> Int {
    guard !isEnded else { return 0 }
    do throws(Errno) {
      guard let more = try socket?.receiveNow(limit: limit) else { return 0 }
      bytes += more
      isEnded = more.isEmpty
      return more.count
    } catch .resourceTemporarilyUnavailable {
    } catch {
      isEnded = true
      isReset = true
    }
    return 0
  }

  func forget() { bytes = [] }
  func endSending() throws { try socket?.endSending() }
  func vanish() { socket = nil }
}
