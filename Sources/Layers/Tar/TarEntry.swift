import Linux

/// One member of a tar archive, without its content (POSIX.1-2017, pax, "ustar Interchange Format").
public struct TarEntry: Equatable, Sendable {
  /// What kind of file it is.
  public enum Kind: Equatable, Sendable {
    /// A regular file with so many bytes of content, which follow it in the archive.
    case file(size: Int)
    /// Another name of a member that came before, by that one's name.
    case hardLink(to: [UInt8])
    case symbolicLink(to: [UInt8])
    case characterDevice(DeviceNumber)
    case blockDevice(DeviceNumber)
    case directory
    case fifo
  }

  /// An extended attribute (`xattr(7)`).
  public struct Attribute: Equatable, Sendable {
    /// Its name, with the name space that it is in.
    public var name: String
    /// Its value.
    public var value: [UInt8]

    /// The attribute `name` with that value.
    public init(name: String, value: [UInt8]) {
      self.name = name
      self.value = value
    }
  }

  /// Its name as the archive has it: bytes with slashes between the parts, which nobody has checked.
  public var name: [UInt8]
  /// What kind of file it is.
  public var kind: Kind
  /// Permission bits, set-id bits and sticky bit: a mode's low twelve bits.
  public var permissions: UInt32 = 0o644
  /// The owner's number.
  public var user: UInt32 = 0
  /// The group's number.
  public var group: UInt32 = 0
  /// When its content was last changed, in nanoseconds since 1970.
  public var modified: Int64 = 0
  /// Its extended attributes.
  public var attributes: [Attribute] = []

  /// The member `name` of that kind, which belongs to root.
  public init(name: [UInt8], kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// The name for the person who reads an error.
  var shown: String { Self.shown(name) }

  /// A name that anybody may have given to a file, for the person who reads an error: on one line, and not longer than that.
  static func shown(_ name: [UInt8]) -> String {
    let most = 200
    let text = String(decoding: name.prefix(most).map { $0 < 0x20 || $0 == 0x7f ? 0x3f : $0 }, as: UTF8.self)
    return name.count > most ? "\(text)..." : text
  }
}
