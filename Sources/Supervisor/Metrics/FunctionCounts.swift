import OCI

/// What is counted of a function.
public struct FunctionCounts: Equatable, Sendable {
  /// Its name.
  public var name: String
  /// How many instances are to wait.
  public var wanted: Int
  /// How many wait.
  public var ready = 0
  /// How many are being built.
  public var building = 0
  /// How many are in use.
  public var inUse = 0
  /// How many may be in use at the same time.
  public var maximum = 0
  /// Starts that an instance served that waited.
  public var warmStarts: UInt64 = 0
  /// Starts that found none.
  public var coldStarts: UInt64 = 0
  /// Instances that could not be built, or ended while they waited.
  public var failures: UInt64 = 0
  /// Why the last one of them could not.
  public var error: String?

  /// A function that is called `name`, of which nothing has happened.
  public init(name: String, wanted: Int) {
    self.name = name
    self.wanted = wanted
  }

  /// What `GET /functions` says of it.
  public var document: JSON {
    .members([
      "Name": .string(name), "Wanted": JSON(wanted), "Ready": JSON(ready), "Building": JSON(building),
      "InUse": JSON(inUse), "Maximum": JSON(maximum),
      "WarmStarts": JSON(warmStarts), "ColdStarts": JSON(coldStarts), "Failures": JSON(failures),
      "Error": .string(error ?? ""),
    ])
  }
}
