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
    _ method: String, _ target: String, _ document: JSON? = nil, _ take: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) -> Int {
    var exchange = try begin(method, target, document)
    try exchange.read(take)
    return exchange.status
  }

  /// Sends a request and waits for the head of the answer.
  ///
  /// - Parameters:
  ///   - upgrades: whether the connection is to be one of bytes both ways from then on.
  ///   - patience: how long it is waited for the answer, in milliseconds; `nil` is for ever.
  ///   - meanwhile: what is done before that wait, while the supervisor is at work.
  func begin(
    _ method: String, _ target: String, _ document: JSON? = nil, upgrades: Bool = false,
    patience: Int32? = nil, meanwhile: () -> Void = {}
  ) throws(Failure) -> APIExchange {
    do throws(Errno) {
      let socket = try Socket.connect(to: path)
      let body = document?.bytes() ?? []
      let connection = upgrades ? "Upgrade\r\nUpgrade: tcp" : "close"
      var head = "\(method) \(target) HTTP/1.1\r\nHost: swiftjail\r\nConnection: \(connection)\r\n"
      if document != nil { head += "Content-Type: application/json\r\n" }
      head += "Content-Length: \(body.count)\r\n\r\n"
      try socket.descriptor.writeAll(Array(head.utf8) + body)
      meanwhile()
      if let patience {
        var entries = [PollEntry(socket.descriptor.rawValue, .readable)]
        guard try poll(&entries, milliseconds: patience) else { throw .timedOut }
      }
      return try APIExchange(socket, with: path)
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
