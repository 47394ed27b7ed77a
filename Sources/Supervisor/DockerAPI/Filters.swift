import OCI

/// The `filters` of a list: for each name the values of which one, or of labels all, must be met.
public struct Filters: Equatable, Sendable {
  /// The values by name; each name is there once.
  private var values: NamedValues<[String]> = [:]

  /// No filters: everything passes.
  public init() {}

  /// Reads the query's `filters`: an object whose values are lists, or objects with what is chosen set to `true`.
  ///
  /// - Parameter known: the names that the list has.
  /// - Throws: `APIError` for another text, and for a name that is not known.
  public init(_ text: String?, known: [String]) throws(APIError) {
    guard let text, !text.isEmpty else { return }
    guard let json = try? JSON(parsing: Array(text.utf8)), case .object(let object) = json else {
      throw .badRequest("invalid filter: filters must be a JSON object with lists of texts")
    }
    for member in object.members {
      guard known.contains(member.key) else { throw .badRequest("Invalid filter '\(member.key)'") }
      values[member.key] = try Self.texts(member.value, of: member.key)
    }
  }

  private static func texts(_ json: JSON, of name: String) throws(APIError) -> [String] {
    var texts: [String] = []
    switch json {
    case .object(let object):
      for member in object.members where member.value == .bool(true) { texts.append(member.key) }
    case .array(let elements):
      for element in elements {
        guard case .string(let text) = element else {
          throw .badRequest("invalid filter: \(name) must be a list of texts")
        }
        texts.append(text)
      }
    case .string(let text): texts.append(text)
    default: throw .badRequest("invalid filter: \(name) must be a list of texts")
    }
    return texts
  }

  /// The values given for `name`; `nil` when it does not filter.
  public subscript(name: String) -> [String]? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// Whether one of the values given for `name` passes, or there are none.
  func any(_ name: String, _ passes: (String) -> Bool) -> Bool { self[name]?.contains(where: passes) ?? true }

  /// Whether `labels` have all that is given for `label`, `KEY` or `KEY=VALUE` each, and nothing that is given for
  /// `label!`.
  func passes(labels: NamedValues<String>) -> Bool {
    func has(_ wanted: String) -> Bool {
      let key = wanted.prefix { $0 != "=" }
      guard let value = labels[String(key)] else { return false }
      return key.endIndex == wanted.endIndex || value == wanted[wanted.index(after: key.endIndex)...]
    }
    return (self["label"] ?? []).allSatisfy(has) && !(self["label!"] ?? []).contains(where: has)
  }
}
