import Linux
import OCI

/// How a container is created, apart from what its configuration says.
public struct CreateOptions: Sendable {
  /// The directory with `config.json`.
  public var bundle: String
  /// The file that has the configuration; `nil` is `config.json` in the bundle.
  public var configFile: String?
  /// What the caller has just written there; `nil` has it read.
  public var config: BundleConfig?
  /// A listening socket to which the master side of the container's terminal is sent.
  public var consoleSocket: String?
  /// A file to which the first process's pid is written.
  public var pidFile: String?
  /// A listening socket to which a pidfd of the first process is sent.
  public var pidfdSocket: String?
  /// The socket of a service manager that is told when the container's program is ready (`NOTIFY_SOCKET`).
  public var notifySocket: String?
  /// Told what the configuration asks for and the container does not get, in one line each.
  public var warn: @Sendable (String) -> Void = { _ in }
  /// Whether the caller stays with the program, and passes what its terminal shows on to its own standard output.
  public var isInForeground = false
  /// Whether nobody stays with the program once it runs.
  public var isDetached = false
  /// Whether the container's root is entered with `chroot` instead of `pivot_root`.
  public var noPivot = false
  /// Whether the container keeps the caller's session keyring.
  public var keepsKeyring = false
  /// The caller's descriptors that the program gets.
  public var preserved = PreservedDescriptors.none
  /// How many files the program may have open unless its configuration says so: what the caller had before it let itself have
  /// more, to hold the mounts of the container; `nil` is as many as the caller.
  public var openFiles: ResourceLimit?
  /// What is added to the program's environment.
  public var extraEnvironment: [String] = []
  /// How the container's cgroup is made.
  public var cgroupDriver = CgroupDriver.cgroupfs
  /// Whether the first process is a child of the caller's parent, who then waits for it.
  public var isSibling = false
  /// Whether its first process is started by `ContainerStore.release`, which runs no hooks.
  public var startsByWord = false
  /// Whether a supervisor makes it.
  public var isSupervised = false
  /// A directory that belongs to the container alone and is removed with it.
  public var ownedDirectory: String?
  /// Where messages go that only help to find a fault.
  public var debug: DebugMessages?
  /// What is noted of the container besides the annotations of its configuration.
  public var extraAnnotations: NamedValues<String> = [:]

  /// Options for the bundle in the directory `bundle`.
  public init(bundle: String) { self.bundle = bundle }
}

/// Who makes the cgroups of containers.
public enum CgroupDriver: Sendable {
  /// This program, in the cgroup file system.
  case cgroupfs
  /// systemd, as scopes.
  case systemd
  /// Nobody: containers stay in the caller's cgroup.
  case disabled
}

/// A container's first process, seen from the program that made it.
public struct StartedProcess: ~Copyable {
  /// The container.
  public let container: Container
  /// The pid.
  public let pid: Int32
  /// The process.
  public let pidfd: Pidfd
  /// The master side of its terminal, when it has one and nobody else asked for it.
  public var terminal: FileDescriptor?
  /// What says that it is ready, when a service manager wants to know.
  public var readiness: Readiness?
}
