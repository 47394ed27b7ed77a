/// The parameters of a request, after the question mark of its target.
public struct Query: Equatable, Sendable {
  private var parameters: [(name: String, value: String)] = []

  /// Two queries are equal when they have the same parameters in the same order.
  public static func == (one: Query, other: Query) -> Bool {
    one.parameters.elementsEqual(other.parameters) { $0 == $1 }
  }

  /// Reads `NAME=VALUE` with `&` between them.
  ///
  /// - Throws: `APIError` when something is not encoded as it must be.
  init(_ text: some StringProtocol) throws(APIError) {
    for part in text.split(separator: "&") {
      let name = part.prefix { $0 != "=" }
      let value = part[name.endIndex...].dropFirst()
      parameters.append((try Self.decoded(name, plus: true), try Self.decoded(value, plus: true)))
    }
  }

  /// The text that `text` encodes (RFC 3986, 2.1), and in a query with `+` for spaces.
  static func decoded(_ text: some StringProtocol, plus: Bool) throws(APIError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    func wrong() -> APIError { .badRequest("\"\(text)\" in the request's target is not encoded correctly") }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        guard digits.utf8.count == 2, digits.utf8.first != UInt8(ascii: "+"),
          let decoded = UInt8(digits, radix: 16)
        else { throw wrong() }
        bytes.append(decoded)
        rest = rest.dropFirst(2)
      case UInt8(ascii: "+") where plus: bytes.append(UInt8(ascii: " "))
      default: bytes.append(byte)
      }
    }
    guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else { throw wrong() }
    return decoded
  }

  /// The value; `nil` when it is absent or empty.
  func text(_ name: String) -> String? {
    guard let value = parameters.first(where: { $0.name == name })?.value, !value.isEmpty else { return nil }
    return value
  }

  /// Whether the parameter is set to something that says yes.
  func flag(_ name: String, or absent: Bool = false) -> Bool {
    guard let value = parameters.first(where: { $0.name == name })?.value else { return absent }
    return !["", "0", "no", "false", "none"].contains(value.lowercased())
  }

  /// The number; `nil` when it is absent or empty.
  ///
  /// - Throws: `APIError` when it is none, or not in `range`.
  func number(_ name: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let number = Int64(text), range.contains(number) else {
      throw .badRequest(
        "\(name)=\(text): must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The point in time, in nanoseconds since 1970; `nil` when it is absent, empty or 0.
  func time(_ name: String, now: Int64) throws(APIError) -> Int64? {
    guard let text = text(name), text != "0" else { return nil }
    guard let point = APITime.point(text, now: now) else {
      throw .badRequest("\(name)=\(text): must be seconds since 1970, a date of RFC 3339 or a duration")
    }
    return point
  }

  /// Refuses the parameter when it says something.
  func refuse(_ name: String) throws(APIError) {
    if flag(name) { throw APIError(status: 501, "\(name): is not supported; leave it out") }
  }
}
