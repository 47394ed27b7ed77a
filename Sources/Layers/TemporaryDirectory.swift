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
  /// - Throws: `LayerError` of the kind `.invalid`, which begins with `text`.
  public init(_ text: String) throws(LayerError) {
    let colon = text.firstIndex(of: ":")
    let given = colon.map { text[text.index(after: $0)...].split(separator: ",").map(String.init) } ?? []
    do throws(LayerError) {
      try self.init(destination: String(text[..<(colon ?? text.endIndex)]), options: given)
    } catch { throw LayerError(.invalid, option: text, error.reason) }
  }

  /// A directory at the absolute path `destination`. Unless the options `given` say otherwise, nothing in it can be
  /// executed or is a device.
  ///
  /// - Throws: `LayerError` of the kind `.invalid`.
  public init(destination: String, options given: [String]) throws(LayerError) {
    guard destination.hasPrefix("/"), destination.contains(where: { $0 != "/" }) else {
      throw LayerError(
        .invalid, option: "tmpfs \(destination)",
        "the destination must be an absolute path, and not the root")
    }
    // A text with one could not be told from one with options.
    guard !destination.utf8.contains(UInt8(ascii: ":")) else {
      throw LayerError(.invalid, option: "tmpfs \(destination)", "the destination has a colon in it")
    }
    self.destination = destination
    options = Self.restrictions + given
  }

  private static let restrictions = ["nosuid", "nodev", "noexec"]

  /// Those of its options that somebody has asked for.
  public var given: [String] { Array(options.dropFirst(Self.restrictions.count)) }

  /// What `init` reads as this directory.
  public var text: String {
    given.isEmpty ? destination : "\(destination):\(given.joined(separator: ","))"
  }

  var mount: RuntimeConfig.Mount {
    RuntimeConfig.Mount(destination: destination, type: "tmpfs", source: "tmpfs", options: options)
  }
}
