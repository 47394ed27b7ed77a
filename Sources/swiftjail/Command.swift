import Container
import Layers
import Linux

/// One of the program's commands.
protocol Command: Sendable {
  /// The word that calls it.
  static var name: String { get }
  /// What it does, in a line.
  static var summary: String { get }
  /// Its operands, as the help shows them.
  static var operands: String { get }
  /// Its options.
  static var options: [Option] { get }
  /// How many operands it may have.
  static var operandCount: ClosedRange<Int> { get }
  /// After how many operands another command line begins.
  static var operandsEndOptions: Int { get }
  /// Whether people call it, or only the program itself.
  static var isHidden: Bool { get }
  /// Does it, and returns the exit status.
  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32
}

extension Command {
  static var operandsEndOptions: Int { .max }
  static var isHidden: Bool { false }
}

/// All commands, in the order of the help.
let commands: [any Command.Type] = [
  Run.self, Exec.self, Ps.self, List.self, Create.self, Start.self, StateCommand.self, Kill.self,
  Delete.self, Pause.self, Resume.self, Checkpoint.self, Restore.self, Update.self, Up.self, Down.self,
  Stop.self, Restart.self, Remove.self,
  Logs.self,
  Stats.self, Top.self, Events.self, Inspect.self, PartitionNames.self, Check.self, Spec.self,
  FeaturesCommand.self,
  Completion.self,
]

/// What is set for all commands.
struct Settings: Sendable {
  /// Where containers are kept.
  let store: ContainerStore
  /// The layers of partitions.
  let partitions: PartitionStore
  /// Whether the command line says where that is.
  let isRootGiven: Bool
  /// Who makes cgroups.
  let cgroupDriver: CgroupDriver
  /// Where the supervisor listens; `nil` for that of the containers.
  let supervisorSocket: String?
  /// The file of the program criu; `nil` is the one in `PATH`.
  let criu: String?
  /// Where messages go.
  let log: Log

  /// The options before the command's name.
  static let options = [
    Option("root", value: "DIR", "keep the state of containers in DIR (default: /run/swiftjail)"),
    Option(
      "storage", value: "DIR",
      "keep the layers of partitions in DIR (default: /var/lib/swiftjail/partitions, or in the root)"),
    Option(
      "storage-memory", value: "SIZE",
      "the most memory for layers, where DIR cannot hold them (default: half of all)"),
    Option("socket", value: "PATH", "where the supervisor listens (default: swiftjaild.sock in the root)"),
    Option("log", value: "FILE", "write messages to FILE as well"),
    Option(
      "log-format", value: "FORMAT", choices: ["text", "json"],
      "how to write them: text (the default) or json"),
    Option("debug", "write more messages"),
    Option(
      "cgroup-manager", value: "DRIVER", choices: ["cgroupfs", "systemd", "disabled"],
      "who makes cgroups: cgroupfs (the default), systemd or disabled"),
    Option("systemd-cgroup", "the same as --cgroup-manager systemd"),
    Option("criu", value: "FILE", "the program criu, for checkpoint and restore (default: the one in PATH)"),
    Option(
      "rootless", value: "WHEN", choices: ["auto", "true", "false"],
      "accepted, as by runc: this program runs as root"),
    Option("version", letter: "v", "print the version"),
    Option("help", letter: "h", "print this help"),
  ]

  init(_ arguments: Arguments, _ log: Log) throws(Failure) {
    self.log = log
    let root = arguments["root"] ?? ContainerStore.defaultPath
    guard !root.isEmpty else { throw Failure(.usage, "--root: the path is empty") }
    store = ContainerStore(path: root)
    partitions = PartitionStore(
      of: store, storage: try Self.storage(arguments), memoryLimit: try Self.memoryLimit(arguments))
    isRootGiven = arguments["root"] != nil
    supervisorSocket = arguments["socket"]
    criu = arguments["criu"].flatMap { $0.isEmpty ? nil : $0 }
    if let rootless = arguments["rootless"], !["auto", "true", "false"].contains(rootless) {
      throw Failure(.usage, "--rootless \(rootless): must be auto, true or false")
    }
    switch arguments["cgroup-manager"] {
    case nil: cgroupDriver = arguments.has("systemd-cgroup") ? .systemd : .cgroupfs
    case "cgroupfs"?: cgroupDriver = .cgroupfs
    case "systemd"?: cgroupDriver = .systemd
    case "disabled"?: cgroupDriver = .disabled
    case let other?:
      throw Failure(.usage, "--cgroup-manager \(other): must be cgroupfs, systemd or disabled")
    }
  }
}

extension Settings {
  private static func storage(_ arguments: Arguments) throws(Failure) -> String? {
    guard let path = arguments["storage"] else { return nil }
    guard !path.isEmpty else { throw Failure(.usage, "--storage: the path is empty") }
    do throws(Errno) { return try Directory.absolute(path) } catch {
      throw Failure(.failed, "--storage \(path): the working directory has no path: \(error)")
    }
  }

  private static func memoryLimit(_ arguments: Arguments) throws(Failure) -> UInt64? {
    guard let text = arguments["storage-memory"] else { return nil }
    guard let size = ByteSize(text), size.bytes > 0 else {
      throw Failure(.usage, "--storage-memory \(text): must be an amount of memory such as 512m or 2g")
    }
    return UInt64(size.bytes)
  }

  /// Refuses a directory that the command line names and that is not there, where a list of nothing would hide a slip.
  func requireRoot() throws(Failure) {
    guard isRootGiven else { return }
    do throws(Errno) { _ = try FileStatus.of(store.path) } catch .noSuchFileOrDirectory {
      throw Failure(
        .failed,
        "--root \(store.path): \(Errno.noSuchFileOrDirectory): no container was created with this root")
    } catch {}
  }
}

extension Arguments {
  /// The operand that names a container.
  func containerID() throws(Failure) -> ContainerID {
    try carryOut { () throws(ContainerError) in try ContainerID(operands[0]) }
  }
}
