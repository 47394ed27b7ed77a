import Linux

/// Where a member of an archive goes, below the directory that takes it.
struct TarPath: Equatable {
  /// The directories on the way and the file's own name last; none for the directory itself.
  let names: [FileName]

  /// The path that `name`, of the archive, stands for. A slash at its start counts for nothing, so that no name leads
  /// anywhere else.
  ///
  /// - Throws: `LayerError` of the kind `.invalid` for one with `..` in it, or with a NUL.
  init(_ name: [UInt8]) throws(LayerError) {
    var names: [FileName] = []
    for part in name.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
      guard let known = FileName(part) else {
        throw LayerError(
          .invalid,
          "the archive's member \"\(TarEntry.shown(name))\": "
            + "a name must not lead out of the directory (\"..\"), nor have a NUL in it")
      }
      names.append(known)
    }
    self.names = names
  }

  /// The path for the person who reads an error.
  var shown: String { TarEntry.shown(Array(names.map(\.bytes).joined(separator: [UInt8(ascii: "/")]))) }
}
