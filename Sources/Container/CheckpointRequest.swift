import Linux

/// What criu's service is asked (criu, `images/rpc.proto`, `criu_req`), and what it answers (`criu_resp`).
enum CheckpointRequest {
  /// What it is to do (`criu_req_type`).
  enum Kind: Int64 {
    case dump = 1
    case restore = 2
    case preDump = 4
    case notify = 6
    case featureCheck = 9
    case version = 10
  }

  /// The request for `kind`, with `options`.
  static func message(_ kind: Kind, _ options: CheckpointMessage? = nil) -> CheckpointMessage {
    var request = CheckpointMessage()
    request.add(1, kind.rawValue)
    if let options { request.add(2, options) }
    return request
  }

  /// The answer to a notification: whether to go on.
  static func acknowledgement(_ goesOn: Bool) -> CheckpointMessage {
    var request = message(.notify)
    request.add(3, goesOn)
    return request
  }

  /// The question whether criu and the kernel can do something.
  static func featureCheck(_ feature: Feature) -> CheckpointMessage {
    var features = CheckpointMessage()
    features.add(feature.rawValue, true)
    var request = message(.featureCheck)
    request.add(5, features)
    return request
  }

  /// What not every criu and kernel can do (`criu_features`).
  enum Feature: UInt64 {
    case memoryTracking = 1
    case lazyPages = 2
  }

  /// What the service says.
  enum Answer: Equatable {
    /// It has come to the point `script`, of which it tells before it goes on; `pid` is the process that it is about.
    case notification(script: String, pid: Int32)
    /// It is done. `features` are those that were asked for and are there.
    case done(features: Set<UInt64>, version: Int64?)
    /// It has failed.
    case failed(String?)

    /// Reads what was received; `nil` when that is no answer.
    init?(_ bytes: [UInt8]) {
      guard let fields = CheckpointMessage.Fields(bytes), let type = fields.number(1) else { return nil }
      guard fields.flag(2) else {
        self = .failed(fields.text(9))
        return
      }
      if type == Kind.notify.rawValue {
        guard let notification = fields.message(5), let script = notification.text(1) else { return nil }
        self = .notification(script: script, pid: Int32(truncatingIfNeeded: notification.number(2) ?? 0))
        return
      }
      var features: Set<UInt64> = []
      if let found = fields.message(8) {
        for field in UInt64(1)...2 where found.flag(field) { features.insert(field) }
      }
      var version: Int64?
      if let numbers = fields.message(10) {
        version =
          (numbers.number(1) ?? 0) * 10_000 + (numbers.number(2) ?? 0) * 100 + (numbers.number(4) ?? 0)
      }
      self = .done(features: features, version: version)
    }
  }
}

/// How criu treats cgroups (`--manage-cgroups-mode`).
public enum CheckpointCgroupsMode: String, Sendable, CaseIterable {
  /// Restores the limits of cgroups that criu itself creates.
  case soft
  /// Restores limits everywhere.
  case full
  /// Restores limits, and fails where a cgroup is there already.
  case strict
  /// Leaves cgroups alone.
  case ignore

  /// Its number (`criu_cg_mode`).
  var number: Int64 {
    switch self {
    case .ignore: 0
    case .soft: 3
    case .full: 4
    case .strict: 5
    }
  }
}

/// The options of a dump or a restore (`criu_opts`).
struct CheckpointRequestOptions {
  private(set) var message = CheckpointMessage()

  /// What both have in common.
  init(_ settings: CheckpointSettings, log: String) {
    message.add(1, Int64(CheckpointProgram.imagesNumber))
    message.add(4, settings.allowsExternalUnixSockets)
    message.add(5, settings.allowsEstablishedTCP)
    message.add(7, settings.allowsShellJobs)
    message.add(8, settings.keepsFileLocks)
    message.add(9, Int64(4))
    message.add(10, log)
    message.add(12, true)
    message.add(16, settings.deduplicates)
    message.add(17, Int64(CheckpointProgram.workNumber))
    message.add(24, true)
    message.add(34, settings.cgroupsMode.number)
    // Interfaces and addresses are those of who sets the network up, not criu's.
    message.add(38, Int64(Namespaces.network.rawValue))
    message.add(48, settings.isLazy)
    message.add(50, true)
    if let file = settings.configFile { message.add(51, file) }
  }

  /// `criu_opts.pid`
  mutating func setProcess(_ pid: Int32) { message.add(2, Int64(pid)) }
  /// `criu_opts.leave_running`
  mutating func leaveRunning() { message.add(3, true) }
  /// `criu_opts.root`
  mutating func setRoot(_ path: String) { message.add(13, path) }
  /// `criu_opts.parent_img`, which takes `track_mem`.
  mutating func setParentImages(_ path: String) { message.add(14, path) }
  /// `criu_opts.track_mem`
  mutating func trackMemory() { message.add(15, true) }
  /// `criu_opts.link_remap`
  mutating func remapLinks() { message.add(18, true) }
  /// `criu_opts.freeze_cgroup`
  mutating func setFreezer(_ directory: String) { message.add(44, directory) }
  /// `criu_opts.tcp_skip_in_flight`
  mutating func skipInFlight() { message.add(46, true) }
  /// `criu_opts.evasive_devices`
  mutating func allowOtherDevices() { message.add(6, true) }
  /// `criu_opts.rst_sibling`: the restored process is a child of the caller.
  mutating func restoreAsSibling() { message.add(26, true) }
  /// `criu_opts.lsm_profile`
  mutating func setSecurityProfile(_ profile: String) { message.add(53, profile) }
  /// `criu_opts.lsm_mount_context`
  mutating func setMountContext(_ context: String) { message.add(63, context) }
  /// `criu_opts.external`
  mutating func addExternal(_ resource: String) { message.add(37, resource) }

  /// `criu_opts.ps`
  mutating func setPageServer(_ server: CheckpointOptions.PageServer) {
    var entry = CheckpointMessage()
    entry.add(1, server.address)
    entry.add(2, Int64(server.port))
    message.add(11, entry)
  }

  /// `criu_opts.ext_mnt`: a mount that criu does not make itself. When it dumps, `key` is the mount point and `value` its name;
  /// when it restores, `key` is the name and `value` the path of what is mounted.
  mutating func addExternalMount(_ key: String, _ value: String) {
    message.add(23, Self.pair(key, value))
  }

  /// `criu_opts.cg_root`: the cgroup that takes the place of the dumped one.
  mutating func setCgroupRoot(_ path: String) {
    var entry = CheckpointMessage()
    entry.add(2, path)
    message.add(25, entry)
  }

  /// `criu_opts.inherit_fd`: what is called `key` is the service's descriptor `number`.
  mutating func inherit(_ key: String, _ number: Int32) {
    var entry = CheckpointMessage()
    entry.add(1, key)
    entry.add(2, Int64(number))
    message.add(27, entry)
  }

  /// `criu_opts.join_ns`: a namespace that the processes are restored in.
  mutating func join(_ kind: String, _ path: String) { message.add(39, Self.pair(kind, path)) }

  private static func pair(_ first: String, _ second: String) -> CheckpointMessage {
    var entry = CheckpointMessage()
    entry.add(1, first)
    entry.add(2, second)
    return entry
  }
}
