// The members of an object as properties of a Swift value. Go's encoders write `null`, `""`, `[]` and `{}`
// for what is not there, so each of them stands for the absent property wherever a property is optional.

extension JSON.Object: JSONRepresentable {
  /// Reads an object.
  public init(json: JSON) throws(ConfigError) {
    guard case .object(let object) = json else { throw json.unlike("an object") }
    self = object
  }

  /// The value as JSON.
  public var json: JSON { .object(self) }
}

extension JSON.Object {
  /// The property, which may be absent or `null`.
  public func optional<Value: JSONRepresentable>(
    _ key: String, as type: Value.Type = Value.self
  ) throws(ConfigError) -> Value? {
    guard let value = self[key] else { return nil }
    if case .null = value { return nil }
    do {
      return try Value(json: value)
    } catch {
      throw error.inside(key)
    }
  }

  /// The property, which must be there.
  public func required<Value: JSONRepresentable>(
    _ key: String, as type: Value.Type = Value.self
  ) throws(ConfigError) -> Value {
    guard let value = try optional(key, as: type) else {
      throw ConfigError(path: "", reason: "is required").inside(key)
    }
    return value
  }

  /// The property, or what stands for it when it is absent or `null`.
  public func optional<Value: JSONRepresentable>(
    _ key: String, or absent: Value
  ) throws(ConfigError) -> Value {
    try optional(key) ?? absent
  }

  /// The property, which may be absent, `null` or empty.
  public func text(_ key: String) throws(ConfigError) -> String? {
    guard let text: String = try optional(key), !text.isEmpty else { return nil }
    return text
  }

  /// Adds a property that the object does not have yet.
  public mutating func add(_ key: String, _ value: some JSONRepresentable) {
    self[key] = value.json
  }

  /// Adds a property that the object does not have yet, if there is a value.
  public mutating func add<Value: JSONRepresentable>(_ key: String, ifPresent value: Value?) {
    if let value { add(key, value) }
  }

  /// Adds a property that the object does not have yet, if there is a value and it is not empty.
  public mutating func add(_ key: String, ifPresent text: String?) {
    if let text, !text.isEmpty { self[key] = .string(text) }
  }

  /// Adds a property that the object does not have yet, unless the value is what its absence stands for.
  public mutating func add<Value: JSONRepresentable & Equatable>(
    _ key: String, _ value: Value, unless absent: Value
  ) {
    if value != absent { self[key] = value.json }
  }
}
