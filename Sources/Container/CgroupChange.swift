import Linux

/// Settings that are being written to a cgroup with processes in it, with what puts them back.
struct CgroupChange {
  let cgroup: Cgroup
  /// What was in the files before, the oldest first.
  private var former: [Former] = []

  private struct Former {
    let file: String
    let value: String
  }

  init(_ cgroup: Cgroup) { self.cgroup = cgroup }

  /// Writes `settings`, all or none.
  ///
  /// - Throws: `ContainerError` naming the setting's field that the kernel refuses; what was written before it is put back.
  mutating func write(_ settings: [CgroupSetting]) throws(ContainerError) {
    do throws(ContainerError) {
      var late: [CgroupSetting] = []
      for setting in settings {
        remember(setting)
        do throws(ContainerError) { try cgroup.write(setting) } catch {
          // Of two that limit each other, such as quota and burst, the order depends on what was there before.
          guard error.errno == .invalidArgument, settings.count > 1 else { throw error }
          late.append(setting)
        }
      }
      for setting in late { try cgroup.write(setting) }
    } catch {
      putBack()
      throw error
    }
  }

  /// Puts back what was in the files before.
  mutating func putBack() {
    // A value may be refused as long as another is not back.
    for _ in 0..<2 {
      for former in former.reversed() {
        try? File.write(former.value, to: "\(cgroup.directory)/\(former.file)")
      }
    }
    former = []
  }

  private mutating func remember(_ setting: CgroupSetting) {
    var files = [setting.file]
    if setting.file == "io.weight" { files.append("io.bfq.weight") }
    for file in files {
      guard let text = try? File.text("\(cgroup.directory)/\(file)"),
        let value = Self.former(in: file, saying: text, before: setting.value)
      else { continue }
      former.append(Former(file: file, value: value))
      guard file == "io.bfq.weight" else { continue }
      // The default weight becomes that of every disk: those that have their own get it back after it.
      for line in text.split(separator: "\n").reversed() {
        former.append(Former(file: file, value: String(line)))
      }
    }
  }

  /// What to write to `file`, which says `text`, to take back that `value` was written to it.
  ///
  /// - Returns: `nil` when nothing takes it back.
  static func former(in file: String, saying text: String, before value: String) -> String? {
    let isKeyed = ["io.", "rdma.", "misc.", "dmem."].contains { file.hasPrefix($0) }
    // An empty list of CPUs takes a line as well.
    guard isKeyed else { return text.isEmpty ? "\n" : text }
    let words = value.split(separator: " ")
    // A weight without a key is the default one.
    let key = words.count == 1 ? "default" : words[0]
    if let line = text.split(separator: "\n").first(where: { $0.split(separator: " ").first == key }) {
      return String(line)
    }
    switch file {
    case "io.max": return "\(key) rbps=max wbps=max riops=max wiops=max"
    case "io.weight", "io.bfq.weight": return "\(key) default"
    case "io.latency": return "\(key) target=0"
    case "rdma.max": return "\(key) hca_handle=max hca_object=max"
    case "misc.max", "dmem.max", "dmem.low", "dmem.min": return "\(key) max"
    default: return nil
    }
  }
}
