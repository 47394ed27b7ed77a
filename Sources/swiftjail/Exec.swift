import Container
import Glibc
import Layers
import Linux
import OCI

/// `swiftjail exec`
enum Exec: Command {
  static let name = "exec"
  static let summary = "run another program in a running container"
  static let operands = "ID [COMMAND [ARGUMENT...]]"
  static let operandCount = 1...Int.max
  static let operandsEndOptions = 1
  static let options = [
    Option(
      "process", letter: "p", value: "FILE",
      "take the process from FILE, a process object of the specification"),
    Option("cwd", value: "DIR", "the program's working directory"),
    Option("workdir", letter: "w", value: "DIR", "the same as --cwd"),
    Option(
      "env", letter: "e", value: "NAME[=VALUE]", "set a variable; without a value, to the caller's own"),
    Option("tty", letter: "t", "give the program a terminal"),
    Option("interactive", letter: "i", "pass on standard input, as is done in any case"),
    Option("user", letter: "u", value: "USER[:GROUP]", "run the program as this user and group"),
    Option("additional-gids", letter: "g", value: "GID", "add this group"),
    Option("detach", letter: "d", "do not wait for the program to end"),
    Option("pid-file", value: "FILE", "write the program's pid to FILE"),
    Option("pidfd-socket", value: "PATH", "send a pidfd of the program to the socket listening at PATH"),
    Option("console-socket", value: "PATH", "send the terminal to the socket listening at PATH"),
    Option("cap", letter: "c", value: "CAPABILITY", "add this capability"),
    Option("no-new-privs", "forbid the program to gain privileges"),
    Option("apparmor", value: "PROFILE", "confine the program by this AppArmor profile"),
    Option("process-label", value: "LABEL", "run the program with this SELinux label"),
    Option("preserve-fds", value: "N", "give the program the N descriptors from number 3 up"),
    Option("cgroup", value: "PATH", "run the program in this cgroup below the container's"),
    Option("ignore-paused", "put the program into a paused container, to run when that is resumed"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    // Before anything is opened.
    let preserved = try BundleOptions.preserved(arguments)
    let id = try arguments.containerID()
    let container = try settings.container(id)
    var options = ExecOptions(process: try process(arguments, container))
    options.consoleSocket = arguments["console-socket"]
    options.pidFile = arguments["pid-file"]
    options.pidfdSocket = arguments["pidfd-socket"]
    options.preserved = preserved
    options.warn = { settings.log.write(.warning, $0) }
    options.debug = settings.log.debugMessages
    options.cgroup = arguments["cgroup"]
    options.ignoresPause = arguments.has("ignore-paused")
    let detached = arguments.has("detach")
    if detached, options.process.terminal, options.consoleSocket == nil {
      throw Failure(.usage, "exec: a terminal and --detach: nobody would be at it; give --console-socket")
    }
    if detached {
      let process = try carryOut { () throws(ContainerError) in try container.exec(options) }
      settings.log.started(process)
      return 0
    }
    options.isInForeground = true
    let foreground = try carryOut { () throws(ContainerError) in try Foreground() }
    return try carryOut { () throws(ContainerError) in
      let process = try container.exec(options)
      settings.log.started(process)
      let status = try foreground.wait(for: process)
      settings.log.ended(id, status)
      return status.shellStatus
    }
  }

  /// The process to run: the one in the file given, or the container's own with another command line.
  private static func process(
    _ arguments: Arguments, _ container: Container
  ) throws(Failure) -> RuntimeConfig.Process {
    let command = Array(arguments.operands.dropFirst())
    var process: RuntimeConfig.Process
    if let file = arguments["process"] {
      let bytes: [UInt8]
      do throws(Errno) { bytes = try File.read(file, limit: 16 << 20) } catch {
        throw Failure(.failed, "--process \(file): \(error)")
      }
      do throws(ConfigError) { process = try RuntimeConfig.Process(parsing: bytes) } catch {
        throw Failure(.failed, "--process \(file): \(error)")
      }
      if process.capabilities == nil || process.rlimits.isEmpty {
        // What a process does not say is as the container's own has it.
        let config = try carryOut { () throws(ContainerError) in try container.config() }
        process.capabilities = process.capabilities ?? config.process?.capabilities
        if process.rlimits.isEmpty { process.rlimits = config.process?.rlimits ?? [] }
      }
    } else {
      guard !command.isEmpty else { throw Failure(.usage, "exec: no command given") }
      let config = try carryOut { () throws(ContainerError) in try container.config() }
      guard let own = config.process else { throw Failure(.failed, "the container has no process") }
      process = own
      process.terminal = false
      process.consoleSize = nil
    }
    if !command.isEmpty { process.args = command }
    if arguments.has("tty") { process.terminal = true }
    if let cwd = arguments["cwd"] ?? arguments["workdir"] { process.cwd = cwd }
    for setting in arguments.all("env") {
      guard !setting.isEmpty, setting.utf8.first != UInt8(ascii: "=") else {
        throw Failure(.usage, "--env \(setting): must be NAME or NAME=VALUE")
      }
      if setting.utf8.contains(UInt8(ascii: "=")) {
        process.env.append(setting)
      } else if let value = getenv(setting) {
        process.env.append("\(setting)=\(String(cString: value))")
      }
    }
    if let user = arguments["user"] { try setUser(user, of: &process, container) }
    for text in arguments.all("additional-gids") {
      guard let group = UInt32(text) else {
        throw Failure(.usage, "--additional-gids \(text): must be a number")
      }
      process.user.additionalGids.append(group)
    }
    if !arguments.all("cap").isEmpty { addCapabilities(arguments.all("cap"), to: &process) }
    if arguments.has("no-new-privs") { process.noNewPrivileges = true }
    if let profile = arguments["apparmor"] { process.apparmorProfile = profile }
    if let label = arguments["process-label"] { process.selinuxLabel = label }
    return process
  }

  private static func setUser(
    _ text: String, of process: inout RuntimeConfig.Process, _ container: Container
  ) throws(Failure) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = parts.map { UInt32($0) }
    if let uid = numbers[0], let gid = numbers.count > 1 ? numbers[1] : process.user.gid {
      // As in every runtime, numbers are no more than that.
      process.user.uid = uid
      process.user.gid = gid
      return
    }
    do throws(LayerError) { process.user = try container.accounts.user(text) } catch {
      throw Failure(.usage, error.description)
    }
  }

  private static func addCapabilities(_ names: [String], to process: inout RuntimeConfig.Process) {
    var sets = process.capabilities ?? RuntimeConfig.Capabilities()
    for name in names {
      if !sets.bounding.contains(name) { sets.bounding.append(name) }
      if !sets.effective.contains(name) { sets.effective.append(name) }
      if !sets.permitted.contains(name) { sets.permitted.append(name) }
      // Only what is inheritable can be ambient.
      if sets.inheritable.contains(name), !sets.ambient.contains(name) { sets.ambient.append(name) }
    }
    process.capabilities = sets
  }
}
