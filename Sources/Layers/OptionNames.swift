import Container
import OCI

/// The words in which the user asked for a partition.
public enum SettingsWords: Sendable {
  /// Options of `run`, which Docker's command line has in common with it.
  case options
  /// Fields of a definition.
  case definition
}

extension PartitionSettings {
  /// The text of `error`, which is about the configuration `config` of this partition, with what the user wrote in place of
  /// the configuration's field. Where the field does not come from the user, the text stays as it is.
  public func named(_ error: ContainerError, _ config: BundleConfig, as words: SettingsWords) -> String {
    named(error.description, mountCount: config.config.mounts.count, as: words)
  }

  /// - Parameter mountCount: how many mounts the configuration has.
  func named(_ text: String, mountCount: Int, as words: SettingsWords) -> String {
    let bytes = text.utf8
    var end = bytes.startIndex
    // A field's path has neither spaces nor colons; what follows it is ": ".
    while end != bytes.endIndex, bytes[end] != UInt8(ascii: ":"), bytes[end] != UInt8(ascii: " ") {
      end = bytes.index(after: end)
    }
    guard end != bytes.endIndex, bytes[end] == UInt8(ascii: ":"),
      let name = name(of: String(text[..<end]), mountCount, words)
    else { return text }
    return name + String(text[end...])
  }

  /// What the user wrote that decides the configuration's field at the path `field`; `nil` when nothing does.
  private func name(of field: String, _ mountCount: Int, _ words: SettingsWords) -> String? {
    if let index = Self.index(of: field) { return nameOfMount(index, mountCount, words) }
    let isDerived = field == "linux.resources.memory.swap" && memoryAndSwap == nil
    let field = isDerived ? "linux.resources.memory.limit" : field
    for (path, option, name) in Self.names where field.utf8.starts(with: path.utf8) {
      // The field itself, or one in it.
      let next = field.utf8.dropFirst(path.utf8.count).first
      guard next == nil || next == UInt8(ascii: ".") || next == UInt8(ascii: "[") else { continue }
      return words == .options ? option : name
    }
    return nil
  }

  /// Fields of the configuration, a field in another one before that, each with its option and its field in a definition.
  private static let names = [
    ("linux.resources.memory.limit", "--memory", "memory"),
    ("linux.resources.memory.swap", "--memory-swap", "memorySwap"),
    ("linux.resources.memory.reservation", "--memory-reservation", "memoryReservation"),
    ("linux.resources.cpu.quota", "--cpus", "cpus"),
    ("linux.resources.cpu.period", "--cpus", "cpus"),
    ("linux.resources.cpu.cpus", "--cpuset-cpus", "cpusetCpus"),
    ("linux.resources.unified.cpu.weight", "--cpu-weight", "cpuWeight"),
    ("linux.resources.pids", "--pids-limit", "pidsLimit"),
    ("linux.sysctl", "--sysctl", "sysctls"),
    ("linux.devices", "--privileged", "privileged"),
    ("process.env", "--env", "environment"),
    ("process.cwd", "--workdir", "workdir"),
    ("process.user.additionalGids", "--group-add", "groups"),
    ("process.user", "--user", "user"),
    ("process.capabilities", "--cap-add", "capAdd"),
    ("process.rlimits", "--ulimit", "rlimits"),
    ("process.terminal", "--tty", "tty"),
    ("process.oomScoreAdj", "--oom-score-adj", "oomScoreAdj"),
    ("hostname", "--hostname", "hostname"),
    ("domainname", "--domainname", "domainname"),
    ("root.readonly", "--read-only", "readOnly"),
  ]

  /// What asks for the mount number `index`: those that are asked for come last, in the order of `config`.
  private func nameOfMount(_ index: Int, _ count: Int, _ words: SettingsWords) -> String? {
    let prefix = words == .options ? "--" : ""
    let first = count - temporaryDirectories.count - volumes.count - (initProgram == nil ? 0 : 1)
    guard index >= first, index < count else { return nil }
    let given = index - first
    if given < temporaryDirectories.count { return "\(prefix)tmpfs \(temporaryDirectories[given].text)" }
    let volume = given - temporaryDirectories.count
    if volume == volumes.count { return "\(prefix)init" }
    return "\(prefix)\(words == .options ? "volume" : "volumes") \(volumes[volume].text)"
  }

  /// The number in `field` when it is an element of `mounts`, or is in one.
  private static func index(of field: String) -> Int? {
    let list = "mounts["
    guard field.utf8.starts(with: list.utf8) else { return nil }
    let rest = field.utf8.dropFirst(list.utf8.count)
    guard let close = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
    return Int(String(Substring(rest[..<close])))
  }
}
