/// Why a document is not what its specification asks for, and where.
public struct ConfigError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The JSON path of the property, such as `linux.namespaces[2].type`; empty for the document itself.
  public private(set) var path: String
  /// What is wrong with it, in plain words.
  public let reason: String

  /// The property of that path is wrong for that reason.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  /// The property and what is wrong with it, in one line.
  public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }

  /// The same error, seen from the object whose member `key` it is in.
  public func inside(_ key: String) -> ConfigError {
    let plain = key.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    if !plain || key.isEmpty { return prefixed("[\(quoted(key))]") }
    return prefixed(key)
  }

  /// The same error, seen from the list whose element `index` it is in.
  public func inside(_ index: Int) -> ConfigError { prefixed("[\(index)]") }

  private func prefixed(_ prefix: String) -> ConfigError {
    let joint = path.isEmpty || path.utf8.first == UInt8(ascii: "[") ? "" : "."
    return ConfigError(path: prefix + joint + path, reason: reason)
  }
}
