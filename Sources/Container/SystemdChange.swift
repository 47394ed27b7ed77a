import Linux

extension Systemd {
  /// Properties of a unit that runs, changed, with what puts them back.
  struct Change {
    private let unit: String
    private var former: [SystemdProperty] = []

    /// Sets the properties of `unit` that `settings` come down to, and waits until systemd has written them to its cgroup.
    init(of unit: String, _ settings: [CgroupSetting]) throws(ContainerError) {
      self.unit = unit
      let properties = SystemdProperty.changes(settings)
      guard !properties.isEmpty else { return }
      let asked = "change the systemd unit \(unit)"
      var former: [SystemdProperty] = []
      for property in properties {
        if let value = try Self.value(of: property, unit, asked) { former.append(value) }
      }
      self.former = former
      do throws(ContainerError) { try Self.set(properties, of: unit, asked) } catch {
        putBack()
        throw error
      }
    }

    /// Sets the properties to what they were.
    func putBack() {
      if !former.isEmpty { try? Self.set(former, of: unit, "change the systemd unit \(unit)") }
    }

    private static func set(
      _ properties: [SystemdProperty], of unit: String, _ asked: String
    ) throws(ContainerError) {
      let call =
        [
          "--system", "--", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
          "org.freedesktop.systemd1.Manager", "SetUnitProperties", "sba(sv)", unit, "true",
          String(properties.count),
        ] + properties.flatMap(\.arguments)
      let outcome = try run("busctl", call, to: asked)
      guard outcome.isSuccess else { throw refused(asked, outcome) }
      // systemd writes to the cgroup after its answer, and before it takes the next question.
      _ = try run(
        "busctl",
        [
          "--system", "get-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
          "org.freedesktop.systemd1.Manager", "Version",
        ], to: asked)
    }

    /// What `property` is now; `nil` when this systemd does not know it.
    private static func value(
      of property: SystemdProperty, _ unit: String, _ asked: String
    ) throws(ContainerError) -> SystemdProperty? {
      let outcome = try run(
        "busctl",
        [
          "--system", "get-property", "org.freedesktop.systemd1", path(of: unit),
          "org.freedesktop.systemd1.Scope", property.name,
        ], to: asked)
      var words = outcome.output.split(separator: " ").map { String($0) }
      guard outcome.isSuccess, words.count > 1, words.removeFirst() == property.type else { return nil }
      return SystemdProperty(property.name, property.type, words)
    }

    /// The object of a unit on the bus: every byte that is no letter or digit becomes its number (`sd_bus_path_encode(3)`).
    static func path(of unit: String) -> String {
      let digits = Array("0123456789abcdef".utf8)
      var name: [UInt8] = []
      for (index, byte) in unit.utf8.enumerated() {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): name.append(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "9") where index > 0: name.append(byte)
        default: name += [UInt8(ascii: "_"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
      }
      return "/org/freedesktop/systemd1/unit/" + String(decoding: name, as: UTF8.self)
    }
  }
}
