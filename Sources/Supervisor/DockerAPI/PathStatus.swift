import OCI

/// What the API tells of a file in a container, in the header field `X-Docker-Container-Path-Stat` of the answers about
/// archives.
public struct PathStatus: Equatable, Sendable {
  /// The header field's name.
  public static let headerName = "X-Docker-Container-Path-Stat"

  /// The last part of its path.
  public var name: String
  /// Its size in bytes.
  public var size: Int64
  /// Its type and permissions as `stat(2)` has them.
  public var mode: UInt32
  /// When it was last changed, in nanoseconds since 1970.
  public var modified: Int64
  /// What a symbolic link leads to, in the container; empty for anything else.
  public var linkTarget: String

  /// A file of which that is known.
  public init(name: String, size: Int64, mode: UInt32, modified: Int64, linkTarget: String) {
    self.name = name
    self.size = size
    self.mode = mode
    self.modified = modified
    self.linkTarget = linkTarget
  }

  /// The header field's value: a document in Base64.
  public var headerValue: String {
    let json = JSON.members([
      "name": .string(name), "size": .integer(size), "mode": JSON(goMode),
      "mtime": .string(APIText.time(modified)), "linkTarget": .string(linkTarget),
    ])
    return Self.base64(json.bytes())
  }

  /// The mode as Go counts it (package `io/fs`), which has bits of its own for types.
  private var goMode: UInt32 {
    var mode = self.mode & 0o777
    switch self.mode & 0o170000 {
    case 0o040000: mode |= 1 << 31
    case 0o120000: mode |= 1 << 27
    case 0o060000: mode |= 1 << 26
    case 0o020000: mode |= 1 << 26 | 1 << 21
    case 0o010000: mode |= 1 << 25
    case 0o140000: mode |= 1 << 24
    default: break
    }
    if self.mode & 0o4000 != 0 { mode |= 1 << 23 }
    if self.mode & 0o2000 != 0 { mode |= 1 << 22 }
    if self.mode & 0o1000 != 0 { mode |= 1 << 20 }
    return mode
  }

  /// RFC 4648, 4.
  static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = group.reduce(0) { $0 << 8 | Int($1) }
      bits <<= 8 * (3 - group.count)
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
