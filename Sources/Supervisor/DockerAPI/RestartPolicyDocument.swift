import Definitions
import OCI

extension PartitionDefinition.RestartPolicy {
  /// Reads a `RestartPolicy` of the API.
  ///
  /// - Returns: `nil` when it speaks of none.
  init?(_ fields: Fields) throws(APIError) {
    var fields = fields
    let name = try fields.text("Name")
    let most = try fields.number("MaximumRetryCount")
    try fields.refuseRest()
    if let most, name != "on-failure" {
      throw fields.wrong(
        "MaximumRetryCount", "\(most) is for on-failure; it cannot be used with \"\(name ?? "")\"")
    }
    switch name {
    case nil: return nil
    case "no"?: self = .no
    case "always"?: self = .always
    case "unless-stopped"?: self = .unlessStopped
    case "on-failure"?:
      guard most ?? 0 >= 0, most ?? 0 <= Int64(Self.mostRestarts) else {
        throw fields.wrong("MaximumRetryCount", "maximum retry count cannot be negative")
      }
      self = .onFailure(most: most.map { Int($0) })
    case let other?:
      throw fields.wrong(
        "Name", "invalid restart policy \"\(other)\": it is no, always, unless-stopped or on-failure")
    }
  }

  /// The policy as the API writes it.
  var document: JSON {
    let (name, most) =
      switch self {
      case .no: ("no", 0)
      case .always: ("always", 0)
      case .unlessStopped: ("unless-stopped", 0)
      case .onFailure(let most): ("on-failure", most ?? 0)
      }
    return .members(["Name": .string(name), "MaximumRetryCount": JSON(most)])
  }
}
