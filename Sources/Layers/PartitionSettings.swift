import OCI

/// What a partition is to be: the options of `run` that a bundle would say in its `config.json`.
public struct PartitionSettings: Equatable, Sendable {
  /// What its file tree is made on.
  public enum Base: Equatable, Sendable {
    /// The running system's own programs.
    case host
    /// The file tree in this directory.
    case directory(String)
  }

  /// Which network it is in.
  public enum Network: String, CaseIterable, Sendable {
    /// One of its own, with a loopback interface and nothing else.
    case none
    /// The host's.
    case host
    /// The one for partitions that ask for no other; as `none` as long as there are no networks between partitions.
    case standard = "default"
  }

  /// How much memory and swap together.
  public enum SwapLimit: Equatable, Sendable {
    /// Without an end.
    case unlimited
    /// That much, at least the limit of memory.
    case total(ByteSize)
  }

  /// Why a limit of memory and swap cannot be.
  public enum SwapFault: Sendable {
    /// There is no limit of memory.
    case withoutMemory
    /// The limit of memory is larger.
    case lessThanMemory
  }

  /// What its file tree is made on.
  public var base: Base
  /// The program and its arguments; empty for a shell.
  public var command: [String] = []
  /// The most memory that it may use.
  public var memory: ByteSize?
  /// The most memory and swap together; when only `memory` is given, twice that.
  public var memoryAndSwap: SwapLimit?
  /// The memory that it is left with when there is not enough for all, at most its limit.
  public var memoryReservation: ByteSize?
  /// How many CPUs' time it may use, in millionths of a CPU, from 10,000.
  public var microCPUs: Int64?
  /// Its share of CPU time when there is not enough, 1 to 10,000; others have 100.
  public var cpuWeight: Int?
  /// The CPUs that it may use, as a list such as `0-3,7`.
  public var cpus: String?
  /// How many tasks it may have; -1 is no limit.
  public var pidsLimit: Int64?
  /// What it sees of the host.
  public var volumes: [Volume] = []
  /// Directories in memory.
  public var temporaryDirectories: [TemporaryDirectory] = []
  /// How much memory the files in `/dev/shm` may take; 64 MiB when `nil`.
  public var sharedMemory: ByteSize?
  /// What a program of it may use of the kernel's resources; as much as the caller's when there is nothing for one.
  public var resourceLimits: [RuntimeConfig.Rlimit] = []
  /// Parameters of the kernel that are its own, by their names (`sysctl(8)`).
  public var kernelParameters: NamedValues<String> = [:]
  /// How much sooner (to 1,000) or later (to -1,000) than others it ends when the machine is out of memory.
  public var outOfMemoryAdjustment: Int32?
  /// Variables, beside those that every partition has.
  public var environment = Environment()
  /// Where the program starts.
  public var workingDirectory = "/"
  /// Who it runs as: `USER` or `USER:GROUP`, names of the partition's own or numbers.
  public var user: String?
  /// Groups that it is in beside those of the user: names of the partition's own or numbers.
  public var groups: [String] = []
  /// The host name; the partition's name when `nil`.
  public var hostname: String?
  /// The NIS domain name; none when `nil`.
  public var domainname: String?
  /// Whether it can write nowhere but in volumes and temporary directories.
  public var isReadOnly = false
  /// Whether nothing that it writes to its own tree is wanted when it has ended. It is spared the writing to disk then:
  /// the end of an overlay otherwise waits for all that anybody has written to that file system.
  public var isTransient = false
  /// Which network it is in.
  public var network = Network.none
  /// Its capabilities.
  public var capabilities = CapabilityChoice()
  /// Whether it may do whatever the host's root may, with all devices.
  public var isPrivileged = false
  /// Whether it may do something with keyrings, which go by a user's number and so are the host's users' as well.
  public var seesKeyrings = false
  /// A program of the host that is the first process, runs the command and waits for orphans; `nil` when the command
  /// itself is the first process.
  public var initProgram: String?
  /// Whether the program is at a terminal.
  public var hasTerminal = false
  /// How large that is.
  public var terminalSize: RuntimeConfig.ConsoleSize?

  /// How much memory the files in `/dev/shm` may take when nothing is said.
  public static let defaultSharedMemory = ByteSize(bytes: 64 << 20)

  /// Why its limit of memory and swap cannot be; `nil` when it can.
  public var swapFault: SwapFault? {
    guard case .total(let total)? = memoryAndSwap else { return nil }
    guard let memory else { return .withoutMemory }
    return total.bytes < memory.bytes ? .lessThanMemory : nil
  }

  /// A partition on `base`, with nothing out of the ordinary.
  public init(base: Base) { self.base = base }
}
