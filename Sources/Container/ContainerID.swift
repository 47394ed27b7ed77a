/// A container's name: the name of its state directory and, unless the configuration says otherwise, of its
/// cgroup. It cannot name another place in the file system.
public struct ContainerID: Hashable, Sendable, CustomStringConvertible {
  /// The name.
  public let description: String

  /// The most bytes that a name may have.
  public static let longest = 255

  /// The name `text`: letters, digits and `_ + - .`, not starting with a dot.
  ///
  /// - Throws: `ContainerError` that says what is wrong with it.
  public init(_ text: String) throws(ContainerError) {
    guard !text.isEmpty else { throw ContainerError(.invalidConfig, "the container's name is empty") }
    guard text.utf8.count <= Self.longest else {
      throw ContainerError(
        .invalidConfig,
        "the container's name has \(text.utf8.count) bytes; \(Self.longest) are the most")
    }
    let allowed = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    guard allowed, text.utf8.first != UInt8(ascii: ".") else {
      throw ContainerError(
        .invalidConfig,
        "\"\(text)\" cannot name a container: use letters, digits and _ + - . (no dot first)")
    }
    description = text
  }
}
