import Linux
import OCI

/// Saving a container's processes with criu, from the question whether that can be to the container's removal.
///
/// The file of criu's protocol is `CheckpointRequest.swift`; how criu is started, and why as a service,
/// `CheckpointProgram.swift` says. A caller that is killed leaves criu alone, which misses it at the next step, and lets the
/// processes go on.
extension Container {
  /// Saves the container's processes. Unless they go on, the container is removed.
  ///
  /// - Parameter warn: told of each hook of its removal that fails.
  /// - Throws: `ContainerError` of the kind `.wrongStatus` when it does not run, and with the first error of criu's log when
  ///   criu fails; the processes go on then.
  public func checkpoint(
    _ options: CheckpointOptions, warn: (String) -> Void = { _ in }
  ) throws(ContainerError) {
    let goesOn = options.leavesRunning || options.isPreDump
    let lock = try lock()
    let pid = try refuseCheckpoint()
    var options = options
    options.settings.configFile = options.settings.configFile ?? criuConfigFile
    let program = try CheckpointProgram(options.settings)
    try options.check(with: program)
    let plan = try Plan(try config(), bundle: record.bundle)
    try plan.refuseCheckpoint()
    let directories = try CheckpointDirectories(options.settings, makesImages: true)
    try directories.requireParent(options.parentPath)

    var request = CheckpointRequestOptions(options.settings, log: "dump.log")
    try describe(pid, plan, options, to: &request)
    if !options.isPreDump {
      for mount in try CheckpointMounts(of: pid, plan).external() {
        request.addExternalMount(mount.point, mount.name)
      }
      let pids = try cgroup()?.processes() ?? []
      try CheckpointStreams(of: [pid] + pids.filter { $0 != pid }).write(to: options.settings.imagePath)
    }
    let cgroupOptions = CheckpointCgroupOptions()
    defer { cgroupOptions.restore() }
    let service = try program.start(in: directories)
    let log = CheckpointLog(path: "\(options.settings.logDirectory)/dump.log")
    let answer: CheckpointRequest.Answer
    do throws(ContainerError) {
      answer = try service.ask(
        CheckpointRequest.message(options.isPreDump ? .preDump : .dump, request.message)
      ) { (notification) throws(ContainerError) in
        if notification.script == "status-ready" { options.reportReady() }
      }
      service.end()
    } catch {
      service.end()
      throw error
    }
    if case .failed(let message) = answer { throw log.failure("checkpoint \(id)", message) }
    lock.release()
    guard !goesOn else { return }
    do throws(ContainerError) { try store.delete(id, force: true, warn: warn) } catch {
      // Who waited for its end may have been faster.
      guard error.kind == .noSuchContainer else { throw error }
    }
  }

  /// - Returns: the pid of the first process.
  private func refuseCheckpoint() throws(ContainerError) -> Int32 {
    let status = status()
    guard status == .running || status == .paused, let process = record.process else {
      throw ContainerError(.wrongStatus, "cannot checkpoint \(id): it is \(status.rawValue), not running")
    }
    _ = try initProcess()
    guard !record.isSupervised, record.ownedDirectory == nil else {
      throw ContainerError(
        .failed,
        "cannot checkpoint \(id): it is a partition, whose root filesystem goes with it; containers of bundles can be saved"
      )
    }
    return process.pid
  }

  /// criu's options that are written for this container, or for all.
  fileprivate var criuConfigFile: String? { CheckpointSettings.configFile(record.annotations) }

  private func describe(
    _ pid: Int32, _ plan: Plan, _ options: CheckpointOptions, to request: inout CheckpointRequestOptions
  ) throws(ContainerError) {
    request.setProcess(pid)
    request.setRoot(record.root)
    if options.leavesRunning { request.leaveRunning() }
    if options.remapsLinks { request.remapLinks() }
    if options.skipsInFlight { request.skipInFlight() }
    if let server = options.pageServer { request.setPageServer(server) }
    if let parent = options.parentPath { request.setParentImages(parent) }
    if options.parentPath != nil || options.isPreDump { request.trackMemory() }
    if let cgroup = try cgroup() { request.setFreezer(cgroup.directory) }
    for namespace in plan.joinedNamespaces {
      guard let key = namespace.externalKey else { continue }
      let file = namespace.kind.fileName
      let number = try attempt("look at the \(file) namespace of process \(pid)") { () throws(Errno) in
        try FileStatus.of("/proc/\(pid)/ns/\(file)").inode
      }
      request.addExternal("\(file)[\(number)]:\(key)")
    }
  }
}

extension CheckpointSettings {
  /// The annotation of a configuration that names a file with options of criu.
  static let configAnnotation = "org.criu.config"

  /// The file with criu's options that the annotation `org.criu.config` names, as for runc and crun; an empty name is none.
  static func configFile(_ annotations: NamedValues<String>) -> String? {
    let standard = "/etc/criu/runc.conf"
    guard let file = annotations[configAnnotation] else {
      return (try? FileStatus.of(standard)) == nil ? nil : standard
    }
    return file.isEmpty ? nil : file
  }
}

extension Plan {
  /// Refuses what criu cannot save or restore.
  func refuseCheckpoint() throws(ContainerError) {
    for namespace in joinedNamespaces where namespace.kind == .mount || namespace.kind == .cgroup {
      throw .config(
        "linux.namespaces",
        "criu can neither save nor restore processes in a \(namespace.kind.fileName) namespace that is joined (\(namespace.path))"
      )
    }
    if replacesRoot {
      throw .config("mounts[0]", "criu cannot restore a container whose root is a mount of its own")
    }
  }
}

extension Plan.JoinedNamespace {
  /// What criu calls a namespace that is there before the container, as for runc and crun; `nil` for kinds that it joins.
  var externalKey: String? {
    switch kind {
    case .network: "extRootNetNS"
    case .pid: "extRootPidNS"
    default: nil
    }
  }
}

extension CheckpointOptions {
  /// Refuses what criu and the kernel cannot do.
  fileprivate func check(with program: CheckpointProgram) throws(ContainerError) {
    if let parentPath, parentPath.hasPrefix("/") {
      throw ContainerError(
        .failed,
        "--parent-path \(parentPath): must be relative to the directory of the images, such as ../parent")
    }
    if isPreDump || parentPath != nil {
      try program.require(.memoryTracking, for: isPreDump ? "--pre-dump" : "--parent-path")
    }
    if settings.isLazy { try program.require(.lazyPages, for: "--lazy-pages") }
  }

  /// Tells who waits for it that lazy pages can be fetched.
  fileprivate func reportReady() {
    guard let statusDescriptor else { return }
    // Who waits may be gone.
    let status = FileDescriptor(owning: statusDescriptor)
    try? status.writeOnce("\0")
  }
}

extension CheckpointProgram {
  /// Refuses `option` where criu or the kernel lack what it needs.
  func require(_ feature: CheckpointRequest.Feature, for option: String) throws(ContainerError) {
    let answer = try ask(CheckpointRequest.featureCheck(feature))
    if case .done(let features, _) = answer, features.contains(feature.rawValue) { return }
    throw ContainerError(
      .failed, "\(option): this kernel or this criu cannot do it (\(path) check --all tells)")
  }

  /// Refuses `option` where criu is older than `version`, such as 31600.
  func require(version: Int64, for option: String) throws(ContainerError) {
    if case .done(_, let own) = try ask(CheckpointRequest.message(.version)), let own, own >= version {
      return
    }
    throw ContainerError(
      .failed,
      "\(option): \(path) is too old: install criu \(version / 10_000).\(version / 100 % 100) or newer")
  }

  private func ask(_ request: CheckpointMessage) throws(ContainerError) -> CheckpointRequest.Answer {
    let service = try start()
    do throws(ContainerError) {
      let answer = try service.ask(request)
      service.end()
      return answer
    } catch {
      service.end()
      throw error
    }
  }
}

/// The directories of a checkpoint.
struct CheckpointDirectories: Sendable {
  /// That of the images: an absolute path without links.
  let images: String
  /// That of the log: an absolute path without links.
  let work: String

  /// - Parameter makesImages: whether the directory for the images is made when it is missing.
  init(_ settings: CheckpointSettings, makesImages: Bool) throws(ContainerError) {
    images = try Self.find(settings.imagePath, "--image-path", isMade: makesImages)
    work =
      try settings.workPath.map { (path) throws(ContainerError) in
        try Self.find(path, "--work-path", isMade: true)
      } ?? images
  }

  private static func find(
    _ path: String, _ option: String, isMade: Bool
  ) throws(ContainerError) -> String {
    try attempt("\(option) \(path)") { () throws(Errno) in
      if isMade { try Directory.makeAll(path, mode: 0o700) }
      guard try FileStatus.of(path).kind == .directory else { throw .notDirectory }
      return try File.realPath(path)
    }
  }

  /// Refuses `parent` when it is no directory, as its path starts from the images.
  func requireParent(_ parent: String?) throws(ContainerError) {
    guard let parent else { return }
    try attempt("--parent-path \(parent), from the directory of the images") { () throws(Errno) in
      guard try FileStatus.of("\(images)/\(parent)").kind == .directory else { throw .notDirectory }
    }
  }
}
