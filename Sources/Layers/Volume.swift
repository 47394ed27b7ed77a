import OCI

/// A file or directory of the host that a partition sees.
public struct Volume: Equatable, Sendable {
  /// Its absolute path on the host.
  public let source: String
  /// Its absolute path in the partition.
  public let destination: String
  /// Mount options.
  public let options: [String]

  /// What `text` says: `SOURCE:DESTINATION`, and after another colon options with commas between them.
  ///
  /// - Parameter directory: where a source that starts with `./` or `../` is looked for.
  /// - Throws: `LayerError` of the kind `.invalid`.
  public init(_ text: String, relativeTo directory: String) throws(LayerError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    func wrong(_ reason: String) -> LayerError { LayerError(.invalid, "--volume \(text): \(reason)") }
    guard parts.count == 2 || parts.count == 3, !parts[0].isEmpty else {
      throw wrong("must be SOURCE:DESTINATION or SOURCE:DESTINATION:OPTIONS")
    }
    if parts[0].hasPrefix("/") {
      source = parts[0]
    } else if parts[0] == "." || parts[0] == ".." || parts[0].hasPrefix("./") || parts[0].hasPrefix("../") {
      source = "\(directory)/\(parts[0])"
    } else {
      throw wrong(
        "the source must be an absolute path, or start with ./ (volumes with names are not supported)")
    }
    guard parts[1].hasPrefix("/") else { throw wrong("the destination must be an absolute path") }
    destination = parts[1]
    guard destination.contains(where: { $0 != "/" }) else {
      throw wrong("the destination cannot be the root; use --rootfs for that")
    }
    var options = ["rbind"]
    for option in parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : [] {
      switch option {
      // What is mounted below the source is as read-only as the source.
      case "ro", "readonly": options.append("rro")
      case "rw": options.append("rw")
      case _ where Self.known.contains(option): options.append(option)
      default:
        throw wrong("unknown option \"\(option)\"; there are ro, rw, \(Self.known.joined(separator: ", "))")
      }
    }
    self.options = options
  }

  private static let known = [
    "nosuid", "nodev", "noexec", "private", "rprivate", "shared", "rshared", "slave", "rslave",
  ]

  var mount: RuntimeConfig.Mount {
    RuntimeConfig.Mount(destination: destination, type: "bind", source: source, options: options)
  }
}
