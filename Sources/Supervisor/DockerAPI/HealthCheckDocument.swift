import Definitions
import OCI

extension PartitionDefinition.HealthCheck {
  /// Reads a `HealthConfig` of the API, whose times are in nanoseconds.
  ///
  /// - Returns: `nil` when it asks for no check.
  init?(_ fields: Fields) throws(APIError) {
    var fields = fields
    let test = try fields.texts("Test")
    let interval = try Self.milliseconds(&fields, "Interval")
    let timeout = try Self.milliseconds(&fields, "Timeout")
    let startPeriod = try Self.milliseconds(&fields, "StartPeriod")
    let retries = try fields.number("Retries")
    try fields.refuseRest()
    switch test.first {
    case nil, "NONE"?: return nil
    case "CMD"? where test.count > 1 && test[1].isEmpty:
      throw fields.wrong("Test", "the name of the program is empty")
    case "CMD"? where test.count > 1: self.init(command: Array(test.dropFirst()))
    case "CMD-SHELL"? where test.count == 2: self.init(command: ["/bin/sh", "-c", test[1]])
    default:
      throw fields.wrong(
        "Test", "must be [\"NONE\"], [\"CMD\", program, arguments …] or [\"CMD-SHELL\", command]")
    }
    if let interval { self.interval = interval }
    if let timeout { self.timeout = timeout }
    if let startPeriod { self.startPeriod = startPeriod }
    if let retries {
      guard (1...Int64(Self.mostRetries)).contains(retries) else {
        throw fields.wrong(
          "Retries", "Retries in Healthcheck cannot be negative, or more than \(Self.mostRetries)")
      }
      self.retries = Int(retries)
    }
  }

  private static func milliseconds(_ fields: inout Fields, _ key: String) throws(APIError) -> Int64? {
    guard let nanoseconds = try fields.number(key) else { return nil }
    guard nanoseconds >= 1_000_000 else {
      throw fields.wrong(key, "\(key) in Healthcheck cannot be less than 1ms")
    }
    let milliseconds = nanoseconds / 1_000_000
    guard milliseconds <= DurationText.longest else {
      throw fields.wrong(key, "\(key) in Healthcheck cannot be more than a hundred years")
    }
    return milliseconds
  }

  /// The check as the API writes it.
  var document: JSON {
    let isShell = command.count == 3 && command.starts(with: ["/bin/sh", "-c"])
    // No check takes so long that its nanoseconds could not be counted.
    func nanoseconds(_ milliseconds: Int64) -> JSON {
      .integer(min(milliseconds, Int64.max / 1_000_000) * 1_000_000)
    }
    return .members([
      "Test": .texts(isShell ? ["CMD-SHELL", command[2]] : ["CMD"] + command),
      "Interval": nanoseconds(interval), "Timeout": nanoseconds(timeout),
      "StartPeriod": nanoseconds(startPeriod), "Retries": JSON(retries),
    ])
  }
}
