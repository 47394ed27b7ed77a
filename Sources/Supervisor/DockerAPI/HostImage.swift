import OCI

/// The one image there is: the running system's own programs.
public struct HostImage: Sendable {
  /// Its id: the digest of its name, as it has no content of its own.
  public static let id = "sha256:\(digest)"
  static let digest = "4740ae6347b0172c01254ff55bae5aff5199f4446e7f6d643d40185b3f475145"

  /// When it came to be, in nanoseconds since 1970: when the system was installed or last changed.
  public var created: Int64
  /// How the API calls the machine's instruction set, such as `amd64`.
  public var architecture: String

  /// The image of a system.
  public init(created: Int64, architecture: String) {
    self.created = created
    self.architecture = architecture
  }

  /// Whether `text` names it: `host`, `host:latest`, its id or the beginning of that.
  public static func isNamed(by text: some StringProtocol) -> Bool {
    if text == "host" || text == "host:latest" { return true }
    let digest = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
    return digest.utf8.count >= 4 && id.utf8.dropFirst(7).starts(with: digest.utf8)
  }

  /// Refuses a platform such as `linux/arm64` whose programs it does not have.
  ///
  /// - Throws: `APIError`, not of the status 404: clients would look for the image elsewhere.
  public func check(platform: String) throws(APIError) {
    let parts = platform.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
      String(Substring($0)).lowercased()
    }
    let wanted = parts.first == "linux" ? parts.dropFirst() : parts[...]
    let names = EngineFacts.names(ofArchitecture: architecture)
    let isMeant = wanted.isEmpty || names.contains(wanted.joined(separator: "/"))
    guard isMeant else {
      throw .badRequest(
        "image with reference host was found but does not match the specified platform: wanted \(platform), "
          + "actual: linux/\(architecture)")
    }
  }

  /// Its summary (`ImageSummary`), with the number of containers that are made of it.
  public func summary(containers: Int) -> JSON {
    .members([
      "Id": .string(Self.id), "ParentId": .string(""), "RepoTags": .texts(["host:latest"]),
      "RepoDigests": .array([]), "Created": .integer(created / 1_000_000_000), "Size": .integer(0),
      "SharedSize": .integer(0), "VirtualSize": .integer(0), "Labels": .nothing,
      "Containers": JSON(containers),
    ])
  }

  /// All that there is to know of it (`ImageInspect`).
  public var inspection: JSON {
    let config = ContainerConfigDocument.of(image: "host")
    return .members([
      "Id": .string(Self.id), "RepoTags": .texts(["host:latest"]), "RepoDigests": .array([]),
      "Parent": .string(""), "Comment": .string("the running system's own programs"),
      "Created": .string(APIText.time(created)), "Container": .string(""), "ContainerConfig": config,
      "DockerVersion": .string(""), "Author": .string(""), "Config": config,
      "Architecture": .string(architecture), "Os": .string("linux"), "Size": .integer(0),
      "VirtualSize": .integer(0),
      "GraphDriver": .members(["Name": .string("overlay"), "Data": .nothing]),
      "RootFS": .members(["Type": .string("layers"), "Layers": .array([])]),
      "Metadata": .members(["LastTagTime": .string(APIText.time(nil))]),
    ])
  }

  /// What it was made of.
  public var history: JSON {
    .array([
      .members([
        "Id": .string(Self.id), "Created": .integer(created / 1_000_000_000),
        "CreatedBy": .string("the running system"), "Tags": .texts(["host:latest"]), "Size": .integer(0),
        "Comment": .string(""),
      ])
    ])
  }

  /// The list of images that pass `filters`.
  ///
  /// - Throws: `APIError` for a filter that there is not.
  public func list(filters text: String?, containers: Int) throws(APIError) -> JSON {
    let filters = try Filters(text, known: ["reference", "dangling", "label", "before", "since"])
    let isNamed = filters.any("reference") { reference in
      APIText.matches(reference, "host:latest") || APIText.matches(reference, "host")
    }
    let isDangling = filters.any("dangling") { ["0", "false"].contains($0) }
    guard isNamed, isDangling, filters["since"] == nil, filters["before"] == nil,
      filters.passes(labels: [:])
    else { return .array([]) }
    return .array([summary(containers: containers)])
  }
}
