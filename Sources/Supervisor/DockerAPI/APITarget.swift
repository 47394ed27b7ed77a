import Linux

/// The target of a request (RFC 9112, 3.2), taken apart: `/v1.41/containers/NAME/start?t=1`.
public struct APITarget: Sendable {
  /// The newest version of the API that is spoken.
  public static let newestVersion = "1.41"
  /// The oldest version of the API that is spoken.
  public static let oldestVersion = "1.12"
  private static let minorVersions = 12...41

  /// The parts of the path, without the version.
  let path: [String]
  /// The parameters.
  let query: Query

  /// Takes `text` apart.
  ///
  /// - Throws: `APIError` for a version that is not spoken, and for what is not encoded as it must be.
  public init(_ text: String) throws(APIError) {
    let location = text.prefix { $0 != "?" }
    var parts: [String] = []
    for part in location.split(separator: "/") { parts.append(try Query.decoded(part, plus: false)) }
    if let version = parts.first.flatMap(Self.version) {
      try Self.check(version)
      parts.removeFirst()
    }
    path = parts
    query = try Query(text[location.endIndex...].dropFirst())
  }

  private static func version(_ part: String) -> (major: Int, minor: Int)? {
    guard part.first == "v" else { return nil }
    let numbers = part.dropFirst().split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let major = numbers[0], let minor = numbers[1], major >= 0, minor >= 0 else {
      return nil
    }
    return (major, minor)
  }

  private static func check(_ version: (major: Int, minor: Int)) throws(APIError) {
    if version < (1, minorVersions.lowerBound) {
      throw .badRequest(
        "client version \(version.major).\(version.minor) is too old. Minimum supported API version is "
          + "\(oldestVersion), please upgrade your client to a newer version")
    }
    if version > (1, minorVersions.upperBound) {
      throw .badRequest(
        "client version \(version.major).\(version.minor) is too new. Maximum supported API version is "
          + newestVersion)
    }
  }
}
