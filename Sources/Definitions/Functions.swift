import OCI

// A definition that is a function runs whenever somebody asks for it, each time in a new partition of its own: an instance.

extension PartitionDefinition {
  /// The most instances of a function that wait to be started.
  static let mostWarm = 10_000

  /// The most instances of a function that may be in use at the same time, whatever its definition says.
  static let mostInUse = 100_000

  /// How many instances of a function may be in use at the same time whose definition does not say it.
  public static let defaultMaximum = 1000

  /// How many instances of this function may be in use at the same time: those that wait in vain would be of no use.
  public var mostInstances: Int { maximum ?? max(Self.defaultMaximum, warm ?? 0) }

  /// The label that instances have, with the name of their function.
  public static let functionLabel = "org.swiftjail.function"

  /// What is in the name of an instance after that of its function: a dash and eight digits.
  private static let instanceSuffix = 9

  /// Whether it is run on request, in instances, and not itself.
  public var isFunction: Bool { warm != nil }

  /// The definition of the instance called `name` of this function.
  public func instance(named name: String) -> PartitionDefinition {
    var instance = self
    instance.name = name
    instance.warm = nil
    instance.maximum = nil
    instance.labels[Self.functionLabel] = self.name
    return instance
  }

  /// Throws when a field does not go with a function.
  func checkFunction() throws(ConfigError) {
    func refuse(_ field: String, _ reason: String) -> ConfigError { ConfigError(path: field, reason: reason) }
    if restart != .no {
      throw refuse("restart", "cannot be together with warm: whoever asks for a function asks again")
    }
    if !after.isEmpty {
      throw refuse("after", "cannot be together with warm: a function runs when it is asked for")
    }
    if case .partition(let settings) = content, settings.hasTerminal {
      throw refuse("tty", "cannot be together with warm: nobody is at an instance that waits")
    }
    let most = Self.longestName - Self.instanceSuffix
    if name.utf8.count > most {
      throw refuse(
        "name", "has \(name.utf8.count) bytes; \(most) are the most, as the names of instances are longer")
    }
  }
}
