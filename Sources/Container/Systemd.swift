import Linux

/// systemd, asked with its own programs to make and remove scopes (`org.freedesktop.systemd1(5)`).
enum Systemd {
  /// Refuses a machine that systemd does not run (`sd_booted(3)`).
  static func requireRunning() throws(ContainerError) {
    if (try? FileStatus.of("/run/systemd/system", following: false))?.kind == .directory { return }
    throw ContainerError(
      .failed,
      "--cgroup-manager systemd: systemd does not run here (no /run/systemd/system): use --cgroup-manager cgroupfs"
    )
  }

  /// Whether systemd knows the transient unit `unit`: it keeps a file for it as long as that is so.
  static func isLoaded(_ unit: String) -> Bool {
    (try? FileStatus.of("/run/systemd/transient/\(unit)")) != nil
  }

  /// One line for a unit that is somebody else's.
  static func exists(_ unit: String) -> ContainerError {
    ContainerError(
      .alreadyExists,
      "the systemd unit \(unit) exists already: give linux.cgroupsPath another value, or stop it (systemctl stop \(unit))"
    )
  }

  /// Starts `scope` with the process `pid` in it, the limits `settings` and the properties `others`, and waits until it has
  /// started.
  ///
  /// - Throws: `ContainerError`, of the kind `.alreadyExists` when there is such a unit; nothing is started then.
  static func start(
    _ scope: SystemdScope, with pid: Int32, _ settings: [CgroupSetting], _ others: [SystemdProperty],
    description: String
  ) throws(ContainerError) {
    let properties = SystemdProperty.all(of: scope, pid: pid, settings, others, description: description)
    let call =
      [
        "--system", "--", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))", scope.unit, "fail",
        String(properties.count),
      ] + properties.flatMap(\.arguments) + ["0"]
    let asked = "make the systemd unit \(scope.unit)"
    var outcome = try run("busctl", call, to: asked)
    if !outcome.isSuccess, isTaken(outcome) {
      // One that has failed is kept until somebody has taken note of it.
      _ = try run("systemctl", ["reset-failed", "--", scope.unit], to: asked)
      outcome = try run("busctl", call, to: asked)
      if isTaken(outcome) { throw exists(scope.unit) }
    }
    guard outcome.isSuccess else { throw refused(asked, outcome) }
    // The start that was just asked for is joined, and so waited for.
    let started = try run("systemctl", ["start", "--", scope.unit], to: asked)
    guard started.isSuccess else {
      try? remove(scope.unit)
      throw refused(asked, started)
    }
  }

  /// Has systemd end and forget the unit `unit`, and waits until it has; one that it does not know is no error.
  static func remove(_ unit: String) throws(ContainerError) {
    guard isLoaded(unit) else { return }
    let asked = "remove the systemd unit \(unit)"
    let stopped = try run("systemctl", ["stop", "--", unit], to: asked)
    if stopped.isSuccess, !isLoaded(unit) { return }
    // What systemd has unloaded meanwhile it cannot find.
    _ = try run("systemctl", ["reset-failed", "--", unit], to: asked)
    if !stopped.isSuccess, isLoaded(unit) { throw refused(asked, stopped) }
  }

  /// Whether systemd refused to make a unit because there is one of that name.
  private static func isTaken(_ outcome: Subprocess.Outcome) -> Bool {
    let words = "already loaded".utf8
    return outcome.output.utf8.indices.contains { outcome.output.utf8[$0...].starts(with: words) }
  }

  static func run(
    _ name: String, _ arguments: [String], to purpose: String
  ) throws(ContainerError) -> Subprocess.Outcome {
    guard let program = Subprocess(named: name) else {
      throw ContainerError(
        .failed,
        "\(purpose): \(name) is missing: install systemd's programs, or use --cgroup-manager cgroupfs")
    }
    return try attempt("\(purpose): run \(program.path)") { () throws(Errno) in try program.run(arguments) }
  }

  static func refused(_ purpose: String, _ outcome: Subprocess.Outcome) -> ContainerError {
    let lines = outcome.output.split(separator: "\n").joined(separator: " ")
    return ContainerError(.failed, "\(purpose): \(lines.isEmpty ? "systemd refused" : lines)")
  }
}
