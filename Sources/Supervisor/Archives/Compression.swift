/// What archives are compressed by, told by how the file begins, as tar(1) and clients of the API do it.
enum Compression: String, CaseIterable {
  case gzip
  case bzip2
  case xz
  case zstd

  /// The one of a file that begins with `head`; `nil` when it is of none of these.
  init?(of head: [UInt8]) {
    guard let found = Self.allCases.first(where: { head.starts(with: $0.magic) }) else { return nil }
    self = found
  }

  /// So much of a file says what it is, in bytes.
  static let headLength = 6

  private var magic: [UInt8] {
    switch self {
    case .gzip: [0x1f, 0x8b]
    case .bzip2: [0x42, 0x5a, 0x68]
    case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]
    case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
    }
  }
}
