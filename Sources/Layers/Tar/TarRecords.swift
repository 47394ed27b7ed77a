/// The records of an extended header, which say what a tar header has no room for (POSIX.1-2017, pax, "pax Extended
/// Header").
struct TarRecords: Equatable {
  /// How large an extended header may be, in bytes.
  static let longest = 1 << 20

  /// So many attributes there may be: headers for all members add up.
  private static let mostAttributes = 256

  private static let attributePrefix = Array("SCHILY.xattr.".utf8)
  private static let sparsePrefix = Array("GNU.sparse.".utf8)

  var path: [UInt8]?
  var linkPath: [UInt8]?
  var size: Int64?
  var user: Int64?
  var group: Int64?
  /// Nanoseconds since 1970.
  var modified: Int64?
  var attributes: [TarEntry.Attribute] = []
  /// Whether it has more than can be said here: a file with holes, in one of the ways of GNU tar.
  var isSparse = false

  var isEmpty: Bool { self == TarRecords() }

  /// Takes the records in `bytes` over those that are there: a record without a value takes an earlier one away. Those of
  /// a name that is not known are for others.
  ///
  /// - Returns: what is wrong with them; `nil` when nothing is.
  mutating func add(_ bytes: [UInt8]) -> String? {
    var rest = bytes[...]
    // What fills the block up is not part of it, but some write it so.
    while let first = rest.first, first != 0 {
      guard let space = rest.prefix(8).firstIndex(of: UInt8(ascii: " ")),
        let length = Self.decimal(rest[..<space]), length <= rest.count,
        let end = rest.index(rest.startIndex, offsetBy: length, limitedBy: rest.endIndex),
        end > space + 1, rest[end - 1] == UInt8(ascii: "\n")
      else { return "a record is not as long as it says" }
      let record = rest[(space + 1)..<(end - 1)]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex else {
        return "a record is not NAME=VALUE"
      }
      if let wrong = set(record[..<equals], to: record[(equals + 1)...]) { return wrong }
      rest = rest[end...]
    }
    return nil
  }

  private mutating func set(_ name: ArraySlice<UInt8>, to value: ArraySlice<UInt8>) -> String? {
    func wrong(_ what: String) -> String {
      "the record \(String(decoding: name, as: UTF8.self)) is not \(what)"
    }
    switch String(decoding: name, as: UTF8.self) {
    case "path":
      if value.contains(0) { return wrong("a path") }
      path = value.isEmpty ? nil : Array(value)
    case "linkpath":
      if value.contains(0) { return wrong("a path") }
      linkPath = value.isEmpty ? nil : Array(value)
    case "size":
      guard let number = Self.number(value) else { return wrong("a size") }
      size = number
    case "uid":
      guard let number = Self.number(value) else { return wrong("a user's number") }
      user = number
    case "gid":
      guard let number = Self.number(value) else { return wrong("a group's number") }
      group = number
    case "mtime":
      if value.isEmpty {
        modified = nil
      } else {
        guard let time = Self.time(value) else { return wrong("a time") }
        modified = time
      }
    default:
      if name.starts(with: Self.sparsePrefix) { isSparse = true }
      guard name.starts(with: Self.attributePrefix) else { break }
      guard
        let attribute = String(validating: name.dropFirst(Self.attributePrefix.count), as: UTF8.self),
        !attribute.isEmpty, !attribute.utf8.contains(0)
      else { return wrong("of an attribute with a name") }
      attributes.removeAll { $0.name == attribute }
      if value.isEmpty { break }
      guard attributes.count < Self.mostAttributes else {
        return "it has more than \(Self.mostAttributes) attributes"
      }
      attributes.append(.init(name: attribute, value: Array(value)))
    }
    return nil
  }

  /// A number that may have been taken away again.
  private static func number(_ value: ArraySlice<UInt8>) -> Int64?? {
    if value.isEmpty { return .some(nil) }
    guard let number = decimal(value) else { return nil }
    return .some(Int64(number))
  }

  private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
      return nil
    }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  /// Seconds with a fraction, in nanoseconds: what is finer is left out, what is further than they reach is as far.
  static func time(_ value: ArraySlice<UInt8>) -> Int64? {
    let isNegative = value.first == UInt8(ascii: "-")
    let parts = (isNegative ? value.dropFirst() : value).split(
      separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first else { return nil }
    let seconds: Int64
    if let number = decimal(whole) {
      seconds = Int64(number)
    } else {
      // More digits than a number has.
      guard whole.count > 18, whole.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
        return nil
      }
      seconds = .max
    }
    var fraction: Int64 = 0
    if parts.count > 1 {
      guard parts[1].allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else { return nil }
      let digits = parts[1].prefix(9)
      for digit in digits { fraction = fraction * 10 + Int64(digit - UInt8(ascii: "0")) }
      for _ in digits.count..<9 { fraction *= 10 }
    }
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = product.addingReportingOverflow(fraction)
    let magnitude = overflow || carry ? Int64.max : sum
    return isNegative ? -magnitude : magnitude
  }

  // MARK: Writing

  /// The records, one after the other.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func add(_ name: String, _ value: some Collection<UInt8>) {
      let record = Array(" \(name)=".utf8) + value + [UInt8(ascii: "\n")]
      // The length counts its own digits.
      var length = record.count
      while record.count + String(length).utf8.count != length {
        length = record.count + String(length).utf8.count
      }
      bytes += Array(String(length).utf8) + record
    }
    if let path { add("path", path) }
    if let linkPath { add("linkpath", linkPath) }
    if let size { add("size", "\(size)".utf8) }
    if let user { add("uid", "\(user)".utf8) }
    if let group { add("gid", "\(group)".utf8) }
    if let modified { add("mtime", Self.text(modified).utf8) }
    for attribute in attributes { add("SCHILY.xattr.\(attribute.name)", attribute.value) }
    return bytes
  }

  private static func text(_ time: Int64) -> String {
    let (seconds, rest) = time.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    let sign = time < 0 ? "-" : ""
    if rest == 0 { return "\(sign)\(seconds)" }
    var digits = Array(String(rest).utf8)
    digits = [UInt8](repeating: UInt8(ascii: "0"), count: 9 - digits.count) + digits
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return "\(sign)\(seconds).\(String(decoding: digits, as: UTF8.self))"
  }
}
