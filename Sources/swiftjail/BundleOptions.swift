import Container
import Glibc
import Linux

/// The options that `create` and `run` share.
enum BundleOptions {
  static let options = [
    Option(
      "bundle", letter: "b", value: "DIR", "the directory with config.json (default: the working directory)"),
    Option(
      "config", letter: "f", value: "FILE",
      "read the configuration from FILE, not from config.json in the bundle"),
    Option("console-socket", value: "PATH", "send the terminal to the socket listening at PATH"),
    Option("pid-file", value: "FILE", "write the pid of the container's first process to FILE"),
    Option(
      "pidfd-socket", value: "PATH", "send a pidfd of the first process to the socket listening at PATH"),
    Option("no-pivot", "enter the root with chroot, where pivot_root cannot work (a root in memory)"),
    Option("no-new-keyring", "leave the container in the caller's session keyring"),
    Option("preserve-fds", value: "N", "give the program the N descriptors from number 3 up"),
  ]

  /// Called before anything is opened.
  static func read(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> CreateOptions {
    var options = CreateOptions(bundle: arguments["bundle"] ?? ".")
    let activation = SocketActivation.passed()
    options.preserved = try preserved(arguments, besides: activation?.count ?? 0)
    options.extraEnvironment += activation?.environment ?? []
    options.configFile = arguments["config"]
    options.consoleSocket = arguments["console-socket"]
    options.pidFile = arguments["pid-file"]
    options.pidfdSocket = arguments["pidfd-socket"]
    options.notifySocket = ServiceManager.socket
    options.noPivot = arguments.has("no-pivot")
    options.keepsKeyring = arguments.has("no-new-keyring")
    options.cgroupDriver = settings.cgroupDriver
    options.warn = { settings.log.write(.warning, $0) }
    options.openFiles = ResourceLimit.raiseOpenFiles()
    options.debug = settings.log.debugMessages
    return options
  }

  /// The descriptors that the program gets. Called before anything is opened.
  ///
  /// - Parameter sockets: how many come before those that `--preserve-fds` counts (`LISTEN_FDS`).
  static func preserved(
    _ arguments: Arguments, besides sockets: Int32 = 0
  ) throws(Failure) -> PreservedDescriptors {
    let count = Int32(try arguments.number("preserve-fds", in: 0...1024) ?? 0)
    let source =
      sockets == 0
      ? "--preserve-fds \(count)"
      : count == 0 ? "LISTEN_FDS=\(sockets)" : "--preserve-fds \(count) with LISTEN_FDS=\(sockets)"
    return try carryOut { () throws(ContainerError) in
      try PreservedDescriptors(sockets + count, from: source)
    }
  }
}

/// Listening sockets that the caller hands down (`sd_listen_fds(3)`).
enum SocketActivation {
  /// How many there are, and what tells the container's program of them; `nil` when there are none for this process.
  static func passed() -> (count: Int32, environment: [String])? {
    guard let count = variable("LISTEN_FDS").flatMap({ Int32($0) }), (1...1024).contains(count),
      variable("LISTEN_PID") == String(getpid())
    else { return nil }
    var environment = ["LISTEN_FDS=\(count)", "LISTEN_PID=1"]
    if let names = variable("LISTEN_FDNAMES") { environment.append("LISTEN_FDNAMES=\(names)") }
    return (count, environment)
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

/// The program that has started this one and wants to know when the service is ready (`sd_notify(3)`).
enum ServiceManager {
  /// Its socket; `nil` when nobody wants to know.
  static var socket: String? {
    guard let path = getenv("NOTIFY_SOCKET"), path[0] != 0 else { return nil }
    return String(cString: path)
  }
}
