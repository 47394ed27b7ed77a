/// A path in a partition as the clients of the API's archives mean it: what it says of its last part counts.
struct ArchivePath: Equatable {
  /// The path from the root, without `.`, `..` and doubled slashes.
  let path: String
  /// Whether the last part is what a link leads to, and not the link: a slash or `/.` is behind it.
  let isDirectory: Bool
  /// What the file is called in an archive: `/` for the root, `.` where that is the last part.
  let name: String

  /// The path that `text` means, from the root also without a slash before it.
  init(_ text: String) {
    let slash = UInt8(ascii: "/")
    let given = text.utf8.split(separator: slash)
    var parts: [Substring.UTF8View] = []
    for part in given where !part.elementsEqual(".".utf8) {
      if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
    }
    path = "/" + parts.map { String(Substring($0)) }.joined(separator: "/")
    let endsWithDot = given.last.map { $0.elementsEqual(".".utf8) } ?? false
    isDirectory = endsWithDot || text.utf8.last == slash
    name = endsWithDot ? "." : parts.last.map { String(Substring($0)) } ?? "/"
  }
}
