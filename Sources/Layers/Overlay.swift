import OCI

/// A file tree made of one that is shared and only read, and one that takes all changes
/// (Linux, Documentation/filesystems/overlayfs.rst).
///
/// It is mounted by the container itself, in its own mount namespace, so there is never a mount of the host to be taken
/// away again.
struct Overlay: Equatable, Sendable {
  /// What is shared.
  let lower: String
  /// What takes the changes.
  let upper: String
  /// An empty directory of the same file system as `upper`, for the kernel.
  let work: String

  /// The overlay of these directories.
  ///
  /// - Throws: `LayerError` of the kind `.invalid` for a path that cannot be said in mount options.
  init(lower: String, upper: String, work: String) throws(LayerError) {
    for path in [lower, upper, work] {
      // The kernel takes them apart at these, and in ways that differ between its versions.
      guard let wrong = path.first(where: { $0 == ":" || $0 == "," || $0 == "\\" || $0.isNewline }) else {
        continue
      }
      let character = wrong.isNewline ? "a line break" : "\"\(wrong)\""
      throw LayerError(
        .invalid,
        "\(path): an overlay cannot be made of a path with \(character) in it; rename the directory")
    }
    self.lower = lower
    self.upper = upper
    self.work = work
  }

  /// The entry in `mounts` that puts it at `destination`.
  func mount(at destination: String, options: [String] = []) -> RuntimeConfig.Mount {
    RuntimeConfig.Mount(
      destination: destination, type: "overlay", source: "overlay",
      options: ["lowerdir=\(lower)", "upperdir=\(upper)", "workdir=\(work)"] + options)
  }
}
