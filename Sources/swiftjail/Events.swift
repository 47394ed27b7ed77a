import Linux

/// `swiftjail events`
enum Events: Command {
  static let name = "events"
  static let summary = "print what happens to the supervisor's partitions, a line of JSON each"
  static let operands = "[ID]"
  static let operandCount = 0...1
  static let options =
    [
      Option("since", value: "TIME", "begin with what has happened since TIME, such as 5m (ago)"),
      Option("until", value: "TIME", "end at TIME: seconds since 1970, a date, or how long ago"),
    ]
    + ContainerEvents.options

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let foreign = arguments.operands.isEmpty ? ContainerEvents.options.map { $0.name } : ["since", "until"]
    for name in foreign where arguments[name] != nil {
      throw Failure(
        .usage,
        arguments.operands.isEmpty
          ? "events: --\(name) needs the ID of a container, as with runc; swiftjail stats prints what partitions use"
          : "events: --\(name) is for the supervisor's events: leave it out, or the container's ID")
    }
    if !arguments.operands.isEmpty {
      try ContainerEvents.run(arguments, settings)
      return 0
    }
    var query = "/events"
    var separator = "?"
    for name in ["since", "until"] {
      guard let value = arguments[name] else { continue }
      query += "\(separator)\(name)=\(percentEncoded(value))"
      separator = "&"
    }
    try settings.pass(query) { (bytes) throws(Errno) in
      try FileDescriptor.duplicate(of: 1).writeAll(bytes)
    }
    return 0
  }
}
