import Container
import Linux

/// `swiftjail restore`
enum Restore: Command {
  static let name = "restore"
  static let summary = "make a container of processes that were saved, with criu"
  static let operands = "ID"
  static let operandCount = 1...1
  static let options =
    CheckpointArguments.options + [
      Option(
        "bundle", letter: "b", value: "DIR",
        "the directory with config.json (default: the working directory)"),
      Option("console-socket", value: "PATH", "send the terminal to the socket listening at PATH"),
      Option("detach", letter: "d", "do not wait for the program to end"),
      Option("pid-file", value: "FILE", "write the pid of the container's first process to FILE"),
      Option("no-subreaper", "do not adopt the container's processes, as is never done"),
      Option("no-pivot", "accepted for runc's callers: criu enters the root in its own way"),
      Option("no-new-keyring", "accepted for conmon: a session keyring is not restored"),
      Option("lsm-profile", value: "TYPE:LABEL", "restore processes with this AppArmor or SELinux profile"),
      Option(
        "lsm-mount-context", value: "CONTEXT", "restore mounts that have an SELinux context with this one"),
    ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let id = try arguments.containerID()
    var creation = CreateOptions(bundle: arguments["bundle"].flatMap { $0.isEmpty ? nil : $0 } ?? ".")
    creation.consoleSocket = arguments["console-socket"].flatMap { $0.isEmpty ? nil : $0 }
    creation.pidFile = arguments["pid-file"].flatMap { $0.isEmpty ? nil : $0 }
    creation.isDetached = arguments.has("detach")
    creation.cgroupDriver = settings.cgroupDriver
    let log = settings.log
    creation.warn = { log.write(.warning, $0) }
    if log.isDebug { creation.debug = DebugMessages { log.write(.debug, $0) } }
    var options = RestoreOptions(try CheckpointArguments.read(arguments, settings), creation)
    options.securityProfile = try securityProfile(arguments)
    options.mountContext = arguments["lsm-mount-context"]
    Inherited.repairUmask()
    let restored = options
    guard !creation.isDetached else {
      let process = try carryOut { () throws(ContainerError) in try settings.store.restore(id, restored) }
      settings.log.started(process)
      return 0
    }
    return try carryOut { () throws(ContainerError) in
      let foreground = try Foreground()
      let process = try settings.store.restore(id, restored)
      settings.log.started(process)
      let container = process.container
      let end = try foreground.waitForFirst(process)
      try container.removeAtEnd { log.write(.warning, $0) }
      return end.status.shellStatus
    }
  }

  private static func securityProfile(_ arguments: Arguments) throws(Failure) -> String? {
    guard let profile = arguments["lsm-profile"] else { return nil }
    guard profile.hasPrefix("apparmor:") || profile.hasPrefix("selinux:") else {
      throw Failure(.usage, "--lsm-profile \(profile): must be apparmor:LABEL or selinux:LABEL")
    }
    return profile
  }
}
