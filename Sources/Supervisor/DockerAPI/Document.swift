import Layers
import OCI

extension JSON {
  /// An object with these members, in this order.
  static func members(_ members: KeyValuePairs<String, JSON>) -> JSON {
    var object = JSON.Object()
    for (key, value) in members { object[key] = value }
    return .object(object)
  }

  /// A list of texts.
  static func texts(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }

  /// An object without members.
  static var nothing: JSON { .object(JSON.Object()) }

  /// Whether this is what clients send for what nobody asked for: Go writes every field of its structures.
  var isVoid: Bool {
    switch self {
    case .null, .bool(false), .integer(0): true
    case .bool, .integer, .unsigned: false
    case .double(let number): number == 0
    case .string(let text): text.isEmpty
    case .array(let values): values.allSatisfy(\.isVoid)
    case .object(let object): object.members.isEmpty
    }
  }
}

/// The members of a request's object, each read by its name; at the end, one that nobody has read and that says
/// something is refused.
struct Fields {
  private let object: JSON.Object
  private let path: String
  /// Their names by the same in small letters.
  private let names: [String: String]
  /// The names of those that were read, as they are in the object.
  private var read: [String] = []

  /// The members of `json`, which is at `path` in the body; `null` has none.
  init(_ json: JSON?, path: String = "") throws(APIError) {
    self.path = path
    switch json {
    case nil, .null?: object = JSON.Object()
    case .object(let object)?: self.object = object
    default: throw .badRequest("\(path.isEmpty ? "the body" : path) must be a JSON object")
    }
    names = Dictionary(object.members.map { ($0.key.lowercased(), $0.key) }) { first, _ in first }
  }

  /// What the member is called from the body on.
  func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// The error for the member.
  func wrong(_ key: String, _ reason: String) -> APIError { .badRequest("\(name(key)): \(reason)") }

  /// The error for a member that asks for what is not offered.
  func unsupported(_ key: String, _ reason: String = "is not supported; leave it out") -> APIError {
    APIError(status: 501, "\(name(key)): \(reason)")
  }

  /// The name that a member has in the object: clients may write it in letters of either case, as Go's decoder takes both.
  private func written(_ key: String) -> String {
    object[key] != nil ? key : names[key.lowercased()] ?? key
  }

  /// The member, as it is.
  mutating func value(_ key: String) -> JSON? {
    let key = written(key)
    read.append(key)
    return object[key]
  }

  /// The member of that type; `nil` when it is absent or `null`.
  mutating func optional<Value: JSONRepresentable>(
    _ key: String, as type: Value.Type = Value.self
  ) throws(APIError) -> Value? {
    let key = written(key)
    read.append(key)
    do throws(ConfigError) { return try object.optional(key, as: type) } catch {
      throw .badRequest(path.isEmpty ? "\(error)" : "\(path).\(error)")
    }
  }

  /// The text; `nil` when it is absent, `null` or empty.
  mutating func text(_ key: String) throws(APIError) -> String? {
    guard let text = try optional(key, as: String.self), !text.isEmpty else { return nil }
    return text
  }

  /// Whether the member is `true`.
  mutating func flag(_ key: String) throws(APIError) -> Bool { try optional(key, as: Bool.self) ?? false }

  /// The number; `nil` when it is absent, `null` or 0.
  mutating func number(_ key: String) throws(APIError) -> Int64? {
    guard let number = try optional(key, as: Int64.self), number != 0 else { return nil }
    return number
  }

  /// The texts of a list; of a single text, that one.
  mutating func texts(_ key: String) throws(APIError) -> [String] {
    let key = written(key)
    if case .string(let text)? = object[key] {
      read.append(key)
      return text.isEmpty ? [] : [text]
    }
    return try optional(key, as: [String].self) ?? []
  }

  /// The variables of a list of `NAME=VALUE`.
  mutating func environment(_ key: String) throws(APIError) -> Environment {
    let texts = try texts(key)
    try check(texts.count, key, most: 4096)
    var environment = Environment()
    for text in texts {
      do throws(LayerError) {
        // A name alone takes a variable of the image away, and host sets none.
        try environment.add(text) { _ in nil }
      } catch {
        throw wrong(key, "invalid environment variable: \(text)")
      }
    }
    return environment
  }

  /// Refuses more elements than anybody needs, whose reading would keep others waiting.
  func check(_ count: Int, _ key: String, most: Int) throws(APIError) {
    if count > most { throw wrong(key, "has \(count) elements; \(most) are the most") }
  }

  /// The members of the member.
  mutating func fields(_ key: String) throws(APIError) -> Fields {
    try Fields(value(key), path: name(key))
  }

  /// The objects of a list.
  mutating func list(_ key: String) throws(APIError) -> [Fields] {
    var fields: [Fields] = []
    for (index, json) in (try optional(key, as: [JSON].self) ?? []).enumerated() {
      fields.append(try Fields(json, path: "\(name(key))[\(index)]"))
    }
    return fields
  }

  /// Takes the member as read when it says one of the words, or nothing.
  mutating func accept(_ key: String, _ words: String...) throws(APIError) {
    guard let text = try text(key), !words.contains(text) else { return }
    throw unsupported(key, "\"\(text)\" is not supported; leave it out")
  }

  /// Ends the reading.
  ///
  /// - Throws: `APIError` with the name of a member that says something and that nobody has read.
  func refuseRest() throws(APIError) {
    for member in object.members where !read.contains(member.key) && !member.value.isVoid {
      throw unsupported(member.key)
    }
  }
}
