import OCI

/// A file or directory of the host that a partition sees.
public struct Volume: Equatable, Sendable {
  /// Its absolute path on the host.
  public let source: String
  /// Its absolute path in the partition.
  public let destination: String
  /// Mount options.
  public let options: [String]
  /// Whether a directory is made of a source that is not there.
  public let makesSource: Bool

  /// What `text` says: `SOURCE:DESTINATION`, and after another colon options with commas between them.
  ///
  /// - Parameter directory: where a source that starts with `./` or `../` is looked for.
  /// - Throws: `LayerError` of the kind `.invalid`, which begins with `text`.
  public init(_ text: String, relativeTo directory: String) throws(LayerError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    func wrong(_ reason: String) -> LayerError { LayerError(.invalid, option: text, reason) }
    guard parts.count == 2 || parts.count == 3, !parts[0].isEmpty else {
      throw wrong("must be SOURCE:DESTINATION or SOURCE:DESTINATION:OPTIONS")
    }
    guard let source = HostPath.absolute(parts[0], relativeTo: directory) else {
      throw wrong(
        "the source must be an absolute path, or start with ./ (volumes with names are not supported)")
    }
    let options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
    do throws(LayerError) {
      try self.init(source: source, destination: parts[1], options: options)
    } catch { throw wrong(error.reason) }
  }

  /// The file or directory `source`, as `destination`, both absolute paths without colons.
  ///
  /// - Parameter given: `ro`, `rw`, `create` or mount options.
  /// - Throws: `LayerError` of the kind `.invalid`.
  public init(source: String, destination: String, options given: [String]) throws(LayerError) {
    func wrong(_ reason: String) -> LayerError {
      LayerError(.invalid, option: "volume \(destination)", reason)
    }
    guard source.hasPrefix("/") else { throw wrong("the source must be an absolute path") }
    guard destination.hasPrefix("/") else { throw wrong("the destination must be an absolute path") }
    let colon = UInt8(ascii: ":")
    guard !source.utf8.contains(colon), !destination.utf8.contains(colon) else {
      throw wrong("\(source) has a colon in its path, which ends a source; move it")
    }
    guard destination.contains(where: { $0 != "/" }) else {
      throw wrong("the destination cannot be the root; rootfs is for that")
    }
    var options = ["rbind"]
    var makesSource = false
    for option in given {
      switch option {
      case Self.creation: makesSource = true
      // What is mounted below the source is as read-only as the source.
      case "ro", "readonly": options.append("rro")
      case "rw": options.append("rw")
      case _ where Self.known.contains(option): options.append(option)
      default:
        let known = ["ro", "rw", Self.creation] + Self.known
        throw wrong("unknown option \"\(option)\"; there are \(known.joined(separator: ", "))")
      }
    }
    self.source = source
    self.destination = destination
    self.options = options
    self.makesSource = makesSource
  }

  /// What `init` reads as this volume.
  public var text: String {
    let given =
      options.dropFirst().map { $0 == "rro" ? "ro" : $0 } + (makesSource ? [Self.creation] : [])
    return given.isEmpty
      ? "\(source):\(destination)" : "\(source):\(destination):\(given.joined(separator: ","))"
  }

  private static let creation = "create"
  private static let known = [
    "nosuid", "nodev", "noexec", "private", "rprivate", "shared", "rshared", "slave", "rslave",
  ]

  var mount: RuntimeConfig.Mount {
    RuntimeConfig.Mount(destination: destination, type: "bind", source: source, options: options)
  }
}
