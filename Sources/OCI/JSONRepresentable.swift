/// A value that is read from JSON and written as JSON.
///
/// What `json` gives, `init(json:)` reads as an equal value.
public protocol JSONRepresentable {
  /// Reads the value; the error's path starts at this value.
  init(json: JSON) throws(ConfigError)

  /// The value as JSON.
  var json: JSON { get }
}

extension JSONRepresentable {
  /// Reads the value from JSON text.
  public init(parsing bytes: [UInt8]) throws(ConfigError) {
    let json: JSON
    do {
      json = try JSON(parsing: bytes)
    } catch {
      throw ConfigError(path: "", reason: "not valid JSON: \(error)")
    }
    try self.init(json: json)
  }
}

extension JSON: JSONRepresentable {
  /// The value itself.
  public init(json: JSON) {
    self = json
  }

  /// The value itself.
  public var json: JSON { self }
}

extension Bool: JSONRepresentable {
  /// Reads `true` or `false`.
  public init(json: JSON) throws(ConfigError) {
    guard case .bool(let bool) = json else { throw json.unlike("true or false") }
    self = bool
  }

  /// The value as JSON.
  public var json: JSON { .bool(self) }
}

extension String: JSONRepresentable {
  /// Reads a string. NUL in it is an error, as the kernel would take it for the end.
  public init(json: JSON) throws(ConfigError) {
    guard case .string(let string) = json else { throw json.unlike("a string") }
    if string.utf8.contains(0) { throw ConfigError(path: "", reason: "a string must not hold NUL") }
    self = string
  }

  /// The value as JSON.
  public var json: JSON { .string(self) }
}

extension JSONRepresentable where Self: FixedWidthInteger & Sendable {
  /// Reads a whole number that this type holds.
  public init(json: JSON) throws(ConfigError) {
    let number: Self?
    switch json {
    case .integer(let integer): number = Self(exactly: integer)
    case .unsigned(let unsigned): number = Self(exactly: unsigned)
    case .double(let double): throw ConfigError(path: "", reason: "\(double) is not a whole number")
    default: throw json.unlike("a whole number")
    }
    guard let number else {
      throw ConfigError(path: "", reason: "\(json.text()) is not between \(Self.min) and \(Self.max)")
    }
    self = number
  }

  /// The value as JSON.
  public var json: JSON { JSON(self) }
}

extension Int: JSONRepresentable {}
extension Int32: JSONRepresentable {}
extension Int64: JSONRepresentable {}
extension UInt16: JSONRepresentable {}
extension UInt32: JSONRepresentable {}
extension UInt64: JSONRepresentable {}

extension JSONRepresentable where Self: RawRepresentable & CaseIterable, RawValue == String {
  /// Reads the name of one of the cases.
  public init(json: JSON) throws(ConfigError) {
    let name = try String(json: json)
    guard let value = Self(rawValue: name) else {
      let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw ConfigError(path: "", reason: "\(quoted(name)) is not one of \(known)")
    }
    self = value
  }

  /// The value as JSON.
  public var json: JSON { .string(rawValue) }
}

extension Array: JSONRepresentable where Element: JSONRepresentable {
  /// Reads a list, in which every element must be right.
  public init(json: JSON) throws(ConfigError) {
    guard case .array(let values) = json else { throw json.unlike("a list") }
    self.init()
    reserveCapacity(values.count)
    for index in values.indices {
      do {
        append(try Element(json: values[index]))
      } catch {
        throw error.inside(index)
      }
    }
  }

  /// The value as JSON.
  public var json: JSON { .array(map(\.json)) }
}

extension Dictionary: JSONRepresentable where Key == String, Value: JSONRepresentable {
  /// Reads an object, in which every value must be right.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    self.init(minimumCapacity: object.members.count)
    for member in object.members {
      do throws(ConfigError) {
        if member.key.utf8.contains(0) { throw ConfigError(path: "", reason: "a name must not hold NUL") }
        self[member.key] = try Value(json: member.value)
      } catch {
        throw error.inside(member.key)
      }
    }
  }

  /// The value as JSON, its names in order.
  public var json: JSON {
    let names = keys.sorted()
    return .object(
      JSON.Object(
        distinct: names.compactMap { name in self[name].map { .init(key: name, value: $0.json) } }))
  }
}

extension JSON {
  /// The error for a value that is not of the kind asked for.
  func unlike(_ kind: String) -> ConfigError {
    ConfigError(path: "", reason: "must be \(kind), not \(self.kind)")
  }
}
