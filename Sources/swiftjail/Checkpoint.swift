import Container
import Linux

/// `swiftjail checkpoint`
enum Checkpoint: Command {
  static let name = "checkpoint"
  static let summary = "save the processes of a container to files, with criu"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options =
    CheckpointArguments.options + [
      Option("leave-running", letter: "R", "let the container go on"),
      Option("pre-dump", "save memory only, for a checkpoint that follows; the container goes on"),
      Option(
        "parent-path", value: "DIR",
        "save only what has changed since the images in DIR, relative to those that are made"),
      Option("page-server", value: "ADDRESS:PORT", "send memory to a page server (criu page-server)"),
      Option("status-fd", value: "FD", "write a zero byte to descriptor FD when lazy pages can be fetched"),
      Option("link-remap", "allow open files that have lost their name, by giving them one"),
      Option("tcp-skip-in-flight", "pass over TCP connections that are not established yet"),
    ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let status = try statusDescriptor(arguments)
    let id = try arguments.containerID()
    var options = CheckpointOptions(try CheckpointArguments.read(arguments, settings))
    options.leavesRunning = arguments.has("leave-running")
    options.isPreDump = arguments.has("pre-dump")
    options.parentPath = arguments["parent-path"].flatMap { $0.isEmpty ? nil : $0 }
    options.statusDescriptor = status
    options.remapsLinks = arguments.has("link-remap")
    options.skipsInFlight = arguments.has("tcp-skip-in-flight")
    if let text = arguments["page-server"], !text.isEmpty {
      guard let server = CheckpointOptions.PageServer(text) else {
        throw Failure(.usage, "--page-server \(text): must be ADDRESS:PORT")
      }
      options.pageServer = server
    }
    Inherited.repairUmask()
    let container = try settings.container(id)
    let wanted = options
    try carryOut { () throws(ContainerError) in
      try container.checkpoint(wanted) { settings.log.write(.warning, $0) }
    }
    return 0
  }

  /// The caller's descriptor. Looked at before anything is opened.
  private static func statusDescriptor(_ arguments: Arguments) throws(Failure) -> Int32? {
    guard let text = arguments["status-fd"], text != "-1" else { return nil }
    guard let number = Int32(text), number >= 0, isOpen(number) else {
      throw Failure(.usage, "--status-fd \(text): must be the number of an open descriptor")
    }
    guard arguments.has("lazy-pages") else {
      throw Failure(.usage, "--status-fd \(text): tells of lazy pages alone: give --lazy-pages as well")
    }
    return number
  }
}
