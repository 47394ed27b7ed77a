import Foundation
import OCI

/// A body that a real client has sent: Docker's command of two versions and the Python package, in the directory
/// `Recorded`.
func recorded(_ name: String) throws -> JSON {
  let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Recorded/\(name).json")
  return try JSON(parsing: [UInt8](Data(contentsOf: file)))
}

extension JSON {
  /// The value at the end of names.
  subscript(path: String...) -> JSON? {
    var value: JSON? = self
    for name in path {
      guard case .object(let object)? = value else { return nil }
      value = object[name]
    }
    return value
  }

  /// The value of this text.
  init(text: String) throws { self = try JSON(parsing: Array(text.utf8)) }
}
