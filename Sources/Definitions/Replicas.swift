import OCI

/// A definition that stands for several: with `replicas`, and `{index}` in its texts.
struct Replicas {
  /// The most that one definition stands for.
  static let most = 100_000

  /// How many there are; `nil` when the definition stands for itself.
  let count: Int?
  private let object: JSON.Object

  /// The definition in `json`.
  init(_ json: JSON) throws(ConfigError) {
    var object = try JSON.Object(json: json)
    count = try object.number("replicas", in: 0...Self.most)
    object["replicas"] = nil
    self.object = object
    if let count, count > 1, case .string(let name)? = object["name"], Self.insert(1, in: name) == name {
      throw ConfigError(path: "name", reason: "must have {index} in it, as there are \(count) of it")
    }
  }

  /// The definition number `index`, from 1, or the only one.
  func definition(_ index: Int) -> JSON {
    count == nil ? .object(object) : Self.insert(index, in: .object(object))
  }

  /// The name of definition number `index` in a file whose definitions are called `name`.
  func name(_ name: String, _ index: Int) -> String { count == nil ? name : "\(name)-\(index)" }

  private static func insert(_ index: Int, in json: JSON) -> JSON {
    switch json {
    case .string(let text): return .string(insert(index, in: text))
    case .array(let values): return .array(values.map { insert(index, in: $0) })
    case .object(var object):
      for member in object.members { object[member.key] = insert(index, in: member.value) }
      return .object(object)
    case .null, .bool, .integer, .unsigned, .double: return json
    }
  }

  private static func insert(_ index: Int, in text: String) -> String {
    let placeholder = Array("{index}".utf8)
    let bytes = Array(text.utf8)
    guard bytes.contains(UInt8(ascii: "{")) else { return text }
    var result: [UInt8] = []
    var offset = 0
    while offset < bytes.count {
      if bytes[offset...].starts(with: placeholder) {
        result += Array(String(index).utf8)
        offset += placeholder.count
      } else {
        result.append(bytes[offset])
        offset += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
