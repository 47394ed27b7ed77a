import Glibc
import Layers
import Linux
import OCI

/// The options of `run` that say what a bundle says otherwise.
enum PartitionOptions {
  static let options = [
    Option(
      "image", value: "NAME", choices: ["host"],
      "no bundle: make a partition of NAME: host, the running system"),
    Option("rootfs", value: "DIR", "no bundle: make a partition on the file tree DIR, which stays as it is"),
    Option("rm", "remove the partition when the program has ended"),
    Option("interactive", letter: "i", "pass standard input to the program"),
    Option("tty", letter: "t", "give the program a terminal"),
    Option("memory", letter: "m", value: "SIZE", "the most memory, such as 64m"),
    Option(
      "memory-swap", value: "SIZE",
      "the most memory and swap together (default: twice --memory); -1 for no limit"),
    Option("cpus", value: "N", "how many CPUs' time the partition may use, such as 1.5"),
    Option("cpu-weight", value: "N", "its share when CPUs are busy, 1 to 10000 (others have 100)"),
    Option("cpuset-cpus", value: "LIST", "the CPUs it may use, such as 0-3,7"),
    Option("pids-limit", value: "N", "how many tasks it may have; -1 for no limit"),
    Option(
      "volume", letter: "v", value: "SRC:DST[:ro]",
      "show the host's file or directory SRC as DST in the partition"),
    Option("tmpfs", value: "DST[:OPTIONS]", "put an empty directory in memory at DST"),
    Option("read-only", "forbid writing anywhere else than in volumes and tmpfs"),
    Option("env", letter: "e", value: "NAME[=VALUE]", "set a variable; without a value, to the caller's own"),
    Option("env-file", value: "FILE", "set the variables in FILE, one a line"),
    Option("workdir", letter: "w", value: "DIR", "the program's working directory (default: /)"),
    Option(
      "user", letter: "u", value: "USER[:GROUP]", "run the program as this user and group, names or numbers"),
    Option("group-add", value: "GROUP", "put the program into this group as well, a name or a number"),
    Option("hostname", value: "NAME", "the host name (default: the partition's name)"),
    Option(
      "network", value: "NETWORK", choices: ["none", "host"],
      "none (the default) has the loopback interface alone, host is the host's own"),
    Option("cap-add", value: "NAME", "add a capability; ALL for all"),
    Option("cap-drop", value: "NAME", "take a capability away; ALL for all"),
    Option("privileged", "give all capabilities and devices, and hide nothing"),
    Option("init", "run the program below a first process that passes signals on and reaps orphans"),
  ]

  /// What `arguments` ask for; `nil` when they name a bundle.
  static func read(_ arguments: Arguments) throws(Failure) -> PartitionSettings? {
    guard let base = try base(arguments) else {
      for option in options where !arguments.all(option.name).isEmpty {
        throw Failure(
          .usage,
          "run: --\(option.name) is for a partition without a bundle: it needs --image host or --rootfs DIR")
      }
      return nil
    }
    for name in ["bundle", "config", "keep"] where !arguments.all(name).isEmpty {
      throw Failure(.usage, "run: --\(name) is for a bundle: leave it out, or --image and --rootfs")
    }
    var settings = PartitionSettings(base: base)
    settings.command = Array(arguments.operands.dropFirst())
    try readLimits(arguments, &settings)
    try readFileTree(arguments, &settings)
    do throws(LayerError) {
      try readEnvironment(arguments, &settings)
    } catch {
      throw Failure(.usage, "run: \(error)")
    }
    settings.isTransient = arguments.has("rm")
    settings.user = arguments["user"]
    settings.groups = arguments.all("group-add")
    settings.hostname = arguments["hostname"]
    settings.capabilities.added = arguments.all("cap-add")
    settings.capabilities.dropped = arguments.all("cap-drop")
    settings.isPrivileged = arguments.has("privileged")
    if let directory = arguments["workdir"] {
      guard directory.hasPrefix("/") else {
        throw Failure(.usage, "run: --workdir \(directory): must be an absolute path")
      }
      settings.workingDirectory = directory
    }
    if let network = arguments["network"] {
      guard let known = PartitionSettings.Network(rawValue: network), known != .standard else {
        throw Failure(.usage, "run: --network \(network): must be none or host")
      }
      settings.network = known
    }
    if arguments.has("init") { settings.initProgram = try ownProgram() }
    try readTerminal(arguments, &settings)
    return settings
  }

  private static func base(_ arguments: Arguments) throws(Failure) -> PartitionSettings.Base? {
    switch (arguments["image"], arguments["rootfs"]) {
    case (nil, nil): return nil
    case (_?, _?): throw Failure(.usage, "run: --image and --rootfs: only one can be the base of a partition")
    case ("host"?, nil): return .host
    case (let image?, nil):
      throw Failure(
        .usage, "run: --image \(image): host is the only image; give an unpacked one with --rootfs DIR")
    case (nil, let directory?): return .directory(directory)
    }
  }

  private static func readLimits(
    _ arguments: Arguments, _ settings: inout PartitionSettings
  ) throws(Failure) {
    settings.memory = try arguments.size("memory")
    if arguments["memory-swap"] == "-1" {
      settings.memoryAndSwap = .unlimited
    } else if let total = try arguments.size("memory-swap") {
      settings.memoryAndSwap = .total(total)
    }
    if let text = arguments["cpus"] {
      guard let microCPUs = CPUTime.microCPUs(text) else {
        throw Failure(.usage, "run: --cpus \(text): must be a number from 0.01, such as 1.5")
      }
      settings.microCPUs = microCPUs
    }
    settings.cpuWeight = try arguments.number("cpu-weight", in: 1...10_000)
    settings.cpus = arguments["cpuset-cpus"]
    if let limit = try arguments.number("pids-limit", in: -1...(1 << 22)) {
      settings.pidsLimit = limit == 0 ? -1 : Int64(limit)
    }
  }

  private static func readFileTree(
    _ arguments: Arguments, _ settings: inout PartitionSettings
  ) throws(Failure) {
    let directory = (try? Directory.current()).flatMap { $0 } ?? "/"
    for text in arguments.all("volume") {
      do throws(LayerError) { settings.volumes.append(try Volume(text, relativeTo: directory)) } catch {
        throw Failure(.usage, "run: --volume \(error)")
      }
    }
    for text in arguments.all("tmpfs") {
      do throws(LayerError) { settings.temporaryDirectories.append(try TemporaryDirectory(text)) } catch {
        throw Failure(.usage, "run: --tmpfs \(error)")
      }
    }
    settings.isReadOnly = arguments.has("read-only")
  }

  private static func readEnvironment(
    _ arguments: Arguments, _ settings: inout PartitionSettings
  ) throws(LayerError) {
    // Not changed into another value.
    var other: String?
    let caller = { (name: String) -> String? in
      guard let value = getenv(name) else { return nil }
      if let text = String(validatingCString: value) { return text }
      other = name
      return nil
    }
    for file in arguments.all("env-file") {
      let content: [UInt8]
      do throws(Errno) { content = try File.read(file, limit: 16 << 20) } catch {
        throw LayerError(.failed, "--env-file \(file): \(error)")
      }
      try settings.environment.add(fileNamed: file, content, caller: caller)
    }
    for text in arguments.all("env") { try settings.environment.add(text, caller: caller) }
    if let other { throw LayerError(.invalid, "--env \(other): the caller's value is not UTF-8") }
  }

  private static func ownProgram() throws(Failure) -> String {
    do throws(Errno) { return try File.realPath("/proc/self/exe") } catch {
      throw Failure(.failed, "run: --init: find this program: \(error)")
    }
  }

  private static func readTerminal(
    _ arguments: Arguments, _ settings: inout PartitionSettings
  ) throws(Failure) {
    guard arguments.has("tty") else { return }
    if arguments.has("detach"), arguments["console-socket"] == nil {
      throw Failure(
        .usage,
        "run: --tty with --detach: nobody would be at the terminal; leave one out, or give --console-socket")
    }
    settings.hasTerminal = true
    for number in Int32(0)...2 {
      guard let stream = try? FileDescriptor.duplicate(of: number), let size = try? stream.terminalSize(),
        size.rows > 0, size.columns > 0
      else { continue }
      settings.terminalSize = RuntimeConfig.ConsoleSize(height: size.rows, width: size.columns)
      return
    }
  }
}

extension Arguments {
  /// The value of the option called `name` as an amount of memory.
  fileprivate func size(_ name: String) throws(Failure) -> ByteSize? {
    guard let text = self[name] else { return nil }
    guard let size = ByteSize(text), size.bytes > 0 else {
      throw Failure(.usage, "run: --\(name) \(text): must be an amount of memory such as 64m or 1g")
    }
    return size
  }
}
