import Definitions
import OCI

/// What a container uses, as the API tells it (`GET /containers/{id}/stats`, with the fields of cgroup v2).
public struct ContainerStatistics: Sendable {
  /// Time of CPUs.
  public struct Processors: Sendable {
    /// Used by the container, in nanoseconds.
    public var total: UInt64 = 0
    /// Of that, by its programs.
    public var user: UInt64 = 0
    /// Of that, by the kernel for them.
    public var system: UInt64 = 0
    /// What all CPUs have used for anything, in nanoseconds.
    public var machine: UInt64 = 0
    /// How many CPUs there are.
    public var online = 1
    /// How many periods of its limit there were.
    public var periods: UInt64 = 0
    /// In how many of them it had to wait.
    public var throttledPeriods: UInt64 = 0
    /// How long it had to wait, in nanoseconds.
    public var throttledTime: UInt64 = 0

    /// None.
    public init() {}

    var json: JSON {
      .members([
        "cpu_usage": .members([
          "total_usage": JSON(total), "usage_in_kernelmode": JSON(system), "usage_in_usermode": JSON(user),
        ]),
        "system_cpu_usage": JSON(machine), "online_cpus": JSON(online),
        "throttling_data": .members([
          "periods": JSON(periods), "throttled_periods": JSON(throttledPeriods),
          "throttled_time": JSON(throttledTime),
        ]),
      ])
    }
  }

  /// Bytes to and from a block device.
  public struct Device: Sendable {
    /// The device's number.
    public var major: UInt64
    /// The device's number.
    public var minor: UInt64
    /// Bytes that were read.
    public var read: UInt64
    /// Bytes that were written.
    public var written: UInt64

    /// The numbers given.
    public init(major: UInt64, minor: UInt64, read: UInt64, written: UInt64) {
      self.major = major
      self.minor = minor
      self.read = read
      self.written = written
    }
  }

  /// When it was counted, in nanoseconds since 1970.
  public var time: Int64
  /// Time of CPUs.
  public var processors = Processors()
  /// Memory in use, in bytes.
  public var memory: UInt64 = 0
  /// The most memory that it may use, in bytes: its limit, or all that the machine has.
  public var memoryLimit: UInt64 = 0
  /// What `memory.stat` says, by name.
  public var memoryDetails: NamedValues<UInt64> = [:]
  /// How many tasks it has.
  public var tasks: UInt64 = 0
  /// How many it may have; `nil` without a limit.
  public var tasksLimit: UInt64?
  /// The block devices that it has used.
  public var devices: [Device] = []

  /// Nothing, counted at `time`.
  public init(time: Int64) { self.time = time }

  /// The document.
  ///
  /// - Parameters:
  ///   - partition: whose statistics they are; of one that does not run, there are none.
  ///   - previous: those that the client was told before.
  public func json(of partition: PartitionStatus, previous: ContainerStatistics?) -> JSON {
    var object = JSON.Object()
    object["read"] = .string(APIText.time(time))
    object["preread"] = .string(APIText.time(previous?.time))
    var pids = JSON.Object()
    pids["current"] = JSON(tasks)
    if let tasksLimit { pids["limit"] = JSON(tasksLimit) }
    object["pids_stats"] = .object(pids)
    object["blkio_stats"] = .members([
      "io_service_bytes_recursive": .array(
        devices.flatMap { device in
          [("read", device.read), ("write", device.written)].map { operation, bytes in
            JSON.members([
              "major": JSON(device.major), "minor": JSON(device.minor), "op": .string(operation),
              "value": JSON(bytes),
            ])
          }
        })
    ])
    object["num_procs"] = .integer(0)
    object["storage_stats"] = .nothing
    object["cpu_stats"] = processors.json
    object["precpu_stats"] = (previous?.processors ?? Processors()).json
    object["memory_stats"] = .members([
      "usage": JSON(memory), "stats": memoryDetails.json, "limit": JSON(memoryLimit),
    ])
    object["name"] = .string("/\(partition.definition.name)")
    object["id"] = .string(partition.id)
    return .object(object)
  }
}
