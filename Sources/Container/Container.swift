import Linux
import OCI

/// One container, as its state directory has it.
public struct Container: Sendable {
  /// Where it is kept.
  public let store: ContainerStore
  /// What is kept of it.
  public internal(set) var record: Record

  /// Where messages go that only help to find a fault.
  public var debug: DebugMessages?

  /// What a container is doing (runtime.md, "State"; `paused` as engines know it).
  public typealias Status = State.Status

  /// Its name.
  public var id: ContainerID { record.id }

  var directory: String { store.directory(of: id) }
  var fifoPath: String { "\(directory)/start" }

  init(_ record: Record, in store: ContainerStore) {
    self.record = record
    self.store = store
  }

  /// Reads the container `id`.
  ///
  /// - Throws: `ContainerError` of the kind `.noSuchContainer` when there is none, or nothing but a directory, and of the
  ///   kind `.damaged` when its record cannot be read.
  init(_ id: ContainerID, in store: ContainerStore) throws(ContainerError) {
    let directory = store.directory(of: id)
    let file = "\(directory)/state.json"
    let bytes: [UInt8]
    do throws(Errno) {
      // To open a fifo would block when nobody is at its other end.
      bytes = try FileDescriptor.open(file, [.readOnly, .nonBlocking]).readToEnd(limit: 16 << 20)
    } catch .noSuchFileOrDirectory {
      // The copy of the configuration is written after the record, and removed before it. With other files beside it, it is
      // a bundle.
      let hasConfig = (try? FileStatus.of("\(directory)/config.json")) != nil
      if hasConfig, (try? store.foreignFile(in: directory)) == nil {
        throw .damaged(id, file, "is missing")
      }
      throw ContainerError(.noSuchContainer, "container \(id) does not exist (in \(store.path))")
    } catch .permissionDenied {
      throw ContainerError("read \(file)", .permissionDenied)
    } catch .isDirectory, .ioError, .fileTooLarge, .tooManySymbolicLinks {
      throw .damaged(id, file, "cannot be read as a file")
    } catch {
      throw ContainerError("read \(file)", error)
    }
    do throws(ConfigError) { record = try Record(parsing: bytes) } catch {
      throw .damaged(id, file, error.description)
    }
    guard record.id == id else {
      throw .damaged(id, file, "belongs to container \(record.id); was the directory copied?")
    }
    self.store = store
  }

  /// Puts the record on disk.
  func save() throws(ContainerError) {
    try attempt("write \(directory)/state.json") { () throws(Errno) in
      try File.replace("\(directory)/state.json", with: record.json.bytes(), swapping: true)
    }
  }

  /// What the container is doing now.
  public func status() -> Status {
    let status = statusOfProcess()
    return record.isBeingCreated && status != .stopped && isBeingMade ? .creating : status
  }

  /// The status without `creating` for a container whose first process exists: for who holds its lock.
  func statusOfProcess() -> Status {
    guard let process = record.process else { return isBeingMade ? .creating : .stopped }
    guard let now = try? ProcessStatus.of(process.pid), now.startTime == process.startTime, !now.isDead else {
      return .stopped
    }
    if isFrozen { return .paused }
    return waitsForStart ? .created : .running
  }

  private var isFrozen: Bool {
    // Few are, so only then it is made sure that this is the container's own cgroup.
    guard let path = record.cgroup, let hierarchy = try? CgroupHierarchy.find(),
      Cgroup(hierarchy: hierarchy, path: path).isFrozen
    else { return false }
    return (try? cgroup()) != nil
  }

  /// Whether the first process still has its end of the fifo open. Only that tells: who starts it may be cut short before
  /// the fifo is removed.
  private var waitsForStart: Bool { StartFifo(path: fifoPath).hasReader }

  /// When it was started, or its state last changed in another way, in nanoseconds since 1970; `nil` when it is gone.
  public var changed: Int64? { (try? FileStatus.of(directory))?.modified }

  /// Whether somebody is at work on it: making, starting or removing it.
  var isBeingMade: Bool {
    do throws(Errno) {
      let lock = try Lock.takeShared(directory)
      return lock == nil
    } catch { return false }
  }

  /// The state document of the specification, as `state` prints it.
  public func state() -> State {
    let status = status()
    var annotations = record.annotations
    if wasOutOfMemory { annotations[Self.oomAnnotation] = "true" }
    return State(
      id: id.description, status: status,
      pid: status == .stopped ? 0 : record.process?.pid ?? 0, bundle: record.bundle, annotations: annotations)
  }

  /// The annotation that `state` has when the kernel ended a process of the container for lack of memory.
  public static let oomAnnotation = "org.swiftjail.oom-killed"

  /// The annotation, with the value `none`, of a configuration whose processes can do nothing with keyrings (`keyrings(7)`),
  /// those that join included.
  public static let keyringsAnnotation = "org.swiftjail.keyrings"

  /// Whether the kernel ended a process of the container for lack of memory.
  public var wasOutOfMemory: Bool {
    if record.wasOutOfMemory { return true }
    guard let cgroup = try? cgroup() else { return false }
    return cgroup.oomKills > 0
  }

  /// The container's cgroup, when it has one of its own.
  func cgroup() throws(ContainerError) -> Cgroup? {
    // Without a number it was never seen to be the container's.
    guard let path = record.cgroup, let number = record.cgroupNumber else { return nil }
    let cgroup = Cgroup(hierarchy: try CgroupHierarchy.find(), path: path)
    // Its path may have gone to another container's when it was empty.
    if let now = cgroup.number, now != number { return nil }
    return cgroup
  }

  func requireCgroup(for purpose: String) throws(ContainerError) -> Cgroup {
    guard let cgroup = try cgroup() else {
      throw ContainerError(.failed, "cannot \(purpose) \(id): it was created without a cgroup of its own")
    }
    return cgroup
  }

  /// The first process, checked to be the one that the record names, so that no signal goes to a process of somebody else.
  ///
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when it has ended.
  public func initProcess() throws(ContainerError) -> Pidfd {
    switch try findInit() {
    case .running(let pidfd): return pidfd
    case .ended: throw ContainerError(.wrongStatus, "container \(id) is not running")
    case .foreign(let pid):
      throw ContainerError(
        .failed,
        "process \(pid), which the record of container \(id) names, is not in the container's cgroup \(record.cgroup ?? ""): it is not the container's; remove the container with delete --force"
      )
    }
  }

  /// What has become of the first process.
  enum FoundInit: ~Copyable {
    case running(Pidfd)
    case ended
    /// What has its pid is not the container's.
    case foreign(pid: Int32)
  }

  /// Looks for the first process by its pid, and checks that it is the one that the record names.
  ///
  /// The unique number tells that for sure, wherever the process has moved itself since. Without one, the time at which the
  /// process started is checked, and that it is in the container's cgroup or in one below it.
  func findInit() throws(ContainerError) -> FoundInit {
    guard let process = record.process else { return .ended }
    do throws(Errno) {
      let pidfd = try Pidfd(of: process.pid)
      // Looked at after the descriptor was made: a process that fits now is the one behind it.
      let now = try ProcessStatus.of(process.pid)
      guard now.startTime == process.startTime, !now.isDead else { return .ended }
      if let number = process.uniqueNumber {
        return pidfd.uniqueNumber == number ? .running(pidfd) : .ended
      }
      let isInside = try isInCgroup(process.pid)
      return isInside ? .running(pidfd) : .foreign(pid: process.pid)
    } catch .noSuchProcess { return .ended } catch {
      throw ContainerError("look at process \(process.pid) of container \(id)", error)
    }
  }

  private func isInCgroup(_ pid: Int32) throws(Errno) -> Bool {
    do throws(ContainerError) {
      guard let cgroup = try cgroup() else { return true }
      return try cgroup.contains(pid)
    } catch { throw error.errno ?? .noSuchDevice }
  }

  /// The configuration that the container was created with.
  public func config() throws(ContainerError) -> RuntimeConfig {
    do throws(ContainerError) { return try BundleConfig(at: "\(directory)/config.json").config } catch {
      // The copy is written while the program starts already; who is cut short in between leaves none.
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      return try BundleConfig(at: "\(record.bundle)/config.json").config
    }
  }
}
