extension PartitionDefinition.RestartPolicy: CustomStringConvertible {
  /// The policy that people write as `text`: `no`, `on-failure`, `on-failure:MOST` with a number from 1, `always` or
  /// `unless-stopped`; `nil` for anything else.
  public init?(_ text: String) {
    switch text {
    case "no": self = .no
    case "on-failure": self = .onFailure(most: nil)
    case "always": self = .always
    case "unless-stopped": self = .unlessStopped
    default:
      let prefix = "on-failure:"
      guard text.hasPrefix(prefix) else { return nil }
      let digits = text.utf8.dropFirst(prefix.utf8.count)
      guard digits.first != UInt8(ascii: "+"), let most = Int(String(Substring(digits))),
        (1...Self.mostRestarts).contains(most)
      else { return nil }
      self = .onFailure(most: most)
    }
  }

  /// What `init` reads as this policy.
  public var description: String {
    switch self {
    case .no: "no"
    case .onFailure(nil): "on-failure"
    case .onFailure(let most?): "on-failure:\(most)"
    case .always: "always"
    case .unlessStopped: "unless-stopped"
    }
  }
}
