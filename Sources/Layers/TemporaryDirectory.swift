import OCI

/// A directory of a partition that is in memory, and gone with the partition.
public struct TemporaryDirectory: Equatable, Sendable {
  /// Its absolute path in the partition.
  public let destination: String
  /// Mount options (`tmpfs(5)`).
  public let options: [String]

  /// What `text` says: `DESTINATION`, and after a colon options with commas between them. Unless the options say
  /// otherwise, nothing in it can be executed or is a device.
  ///
  /// - Throws: `LayerError` of the kind `.invalid`.
  public init(_ text: String) throws(LayerError) {
    let colon = text.firstIndex(of: ":")
    destination = String(text[..<(colon ?? text.endIndex)])
    guard destination.hasPrefix("/"), destination.contains(where: { $0 != "/" }) else {
      throw LayerError(
        .invalid, "--tmpfs \(text): the destination must be an absolute path, and not the root")
    }
    let given = colon.map { text[text.index(after: $0)...].split(separator: ",").map(String.init) } ?? []
    options = ["nosuid", "nodev", "noexec"] + given
  }

  var mount: RuntimeConfig.Mount {
    RuntimeConfig.Mount(destination: destination, type: "tmpfs", source: "tmpfs", options: options)
  }
}
