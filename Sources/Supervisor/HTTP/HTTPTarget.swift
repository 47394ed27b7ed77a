/// What a request is for: a path and a query (RFC 9112, section 3.2).
public struct HTTPTarget: Equatable, Sendable {
  /// One part of a query.
  public struct Item: Equatable, Sendable {
    /// What is before the equals sign.
    public let name: String
    /// What is after it; empty without one.
    public let value: String
  }

  /// Path and query as they came.
  public let text: String
  /// What is between the slashes of the path, decoded: an encoded slash is part of a segment.
  public let segments: [String]
  /// The query, decoded, in order.
  public let query: [Item]

  /// The path, decoded, with a slash at its start.
  public var path: String { "/" + segments.joined(separator: "/") }

  /// The value of the query's first item `name`.
  public subscript(name: String) -> String? { query.first { $0.name == name }?.value }

  /// The values of the query's items `name`.
  public func values(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }

  /// Whether the query has an item `name` that does not say no, as Docker's daemon reads it: `0`, `no`, `false`, `none`
  /// and nothing are no.
  public func flag(_ name: String) -> Bool {
    guard let value = self[name] else { return false }
    return !["", "0", "no", "false", "none"].contains(value.lowercased())
  }

  /// Reads a target: a path, or a URL of `http` whose host does not matter.
  init(parsing bytes: ArraySlice<UInt8>) throws(HTTPError) {
    for byte in bytes where byte <= 0x20 || byte >= 0x7f || byte == UInt8(ascii: "#") {
      throw HTTPError(.badRequest, "the request's target has a character that must be percent-encoded")
    }
    var bytes = bytes
    let scheme = Array("http://".utf8)
    if bytes.starts(with: scheme) {
      let afterHost = bytes.dropFirst(scheme.count).drop {
        $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?")
      }
      bytes = afterHost.first == UInt8(ascii: "/") ? afterHost : [UInt8(ascii: "/")] + afterHost
    }
    guard bytes.first == UInt8(ascii: "/") else {
      throw HTTPError(.badRequest, "the request's target must start with /")
    }
    text = String(decoding: bytes, as: UTF8.self)
    let parts = bytes.dropFirst().split(
      separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    var segments: [String] = []
    for segment in parts[0].split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      segments.append(try Self.decoded(segment))
    }
    self.segments = segments
    var query: [Item] = []
    for item in parts.count > 1 ? parts[1].split(separator: UInt8(ascii: "&")) : [] {
      let sides = item.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let value = sides.count > 1 ? try Self.decoded(sides[1], plusIsSpace: true) : ""
      query.append(Item(name: try Self.decoded(sides[0], plusIsSpace: true), value: value))
    }
    self.query = query
  }

  private static func decoded(
    _ bytes: ArraySlice<UInt8>, plusIsSpace: Bool = false
  ) throws(HTTPError) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var rest = bytes
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(hexadecimalValue),
          let low = rest.popFirst().flatMap(hexadecimalValue)
        else { throw HTTPError(.badRequest, "the request's target has a % without two hexadecimal digits") }
        text.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace:
        text.append(UInt8(ascii: " "))
      default:
        text.append(byte)
      }
    }
    guard !text.contains(0), let string = String(validating: text, as: UTF8.self) else {
      throw HTTPError(.badRequest, "the request's target is not UTF-8 when decoded, or has a NUL")
    }
    return string
  }
}

/// What the hexadecimal digit `byte` stands for.
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
