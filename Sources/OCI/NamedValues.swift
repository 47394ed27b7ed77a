/// A few values by name, in the document's order.
///
/// What a dictionary is for, without hashing: for a handful of names that is slower, and its first use costs more than
/// reading the rest of a configuration.
public struct NamedValues<Value: JSONRepresentable & Equatable & Sendable>: Equatable, Sendable {
  /// A name and its value.
  public struct Element: Equatable, Sendable {
    /// The name.
    public var name: String
    /// The value.
    public var value: Value
  }

  /// The values; each name is there once.
  public private(set) var elements: [Element] = []

  /// No values.
  public init() {}

  /// Whether there are none.
  public var isEmpty: Bool { elements.isEmpty }

  /// The names, in the document's order.
  public var names: [String] { elements.map(\.name) }

  /// The value called `name`; setting `nil` removes it.
  public subscript(name: String) -> Value? {
    get { elements.first { $0.name == name }?.value }
    set {
      let index = elements.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): elements[index].value = value
      case (let index?, nil): elements.remove(at: index)
      case (nil, let value?): elements.append(Element(name: name, value: value))
      case (nil, nil): break
      }
    }
  }
}

extension NamedValues: ExpressibleByDictionaryLiteral {
  /// The values given, in their order; of two with the same name, the last.
  public init(dictionaryLiteral pairs: (String, Value)...) {
    for (name, value) in pairs { self[name] = value }
  }
}

extension NamedValues: JSONRepresentable {
  /// Reads an object, in which every value must be right.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    for member in object.members {
      do throws(ConfigError) {
        if member.key.utf8.contains(0) { throw ConfigError(path: "", reason: "a name must not hold NUL") }
        elements.append(Element(name: member.key, value: try Value(json: member.value)))
      } catch {
        throw error.inside(member.key)
      }
    }
  }

  /// The values as an object.
  public var json: JSON {
    .object(JSON.Object(distinct: elements.map { .init(key: $0.name, value: $0.value.json) }))
  }
}
