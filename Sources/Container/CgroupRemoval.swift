import Linux

// Replacing a cgroup that is there already by a new one, and removing a cgroup.
extension Cgroup {
  /// Replaces an existing cgroup that has no processes by a new one: the old one may belong to another container that
  /// has stopped, which must not take the new one for its own. The limits, the device program and the freezer of the
  /// old one, and the cgroups below it, are removed with it.
  func renew() throws(ContainerError) {
    try refuseIfPopulated()
    do throws(Errno) {
      do throws(Errno) { try Directory.remove(directory) } catch .resourceBusy {
        try Directory.removeTree(directory, directoriesOnly: true)
      }
    } catch .noSuchFileOrDirectory {} catch {
      throw ContainerError(
        "replace the cgroup \(directory), which is there already", error,
        advice: "remove it, or give linux.cgroupsPath another value")
    }
    try attempt("make the cgroup \(directory)") { () throws(Errno) in try Directory.make(directory) }
  }

  private func refuseIfPopulated() throws(ContainerError) {
    if try !processes().isEmpty {
      throw ContainerError(
        .alreadyExists, "the cgroup \(directory) has processes in it: give linux.cgroupsPath another value")
    }
  }

  /// Refuses a cgroup in which a process would be frozen before it has done anything.
  func refuseIfFrozen() throws(ContainerError) {
    guard isStopped else { return }
    var frozen = self
    while !frozen.isFrozen, let end = frozen.path.utf8.lastIndex(of: UInt8(ascii: "/")), frozen.path != "" {
      frozen = Cgroup(hierarchy: hierarchy, path: String(frozen.path[..<end]))
    }
    throw ContainerError(
      .failed,
      "the cgroup \(directory) is frozen: thaw \(frozen.directory) (write 0 to its cgroup.freeze), or give linux.cgroupsPath another value"
    )
  }

  /// Whether nothing in the cgroup runs, as it or one above it is frozen.
  var isStopped: Bool {
    (try? File.text("\(directory)/cgroup.events"))?.split(separator: "\n").contains("frozen 1") ?? false
  }

  /// Removes what is above the cgroup when that was made for the containers of one store, and holds none any more.
  func removeGroup() {
    guard let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return }
    let above = String(path[..<end])
    if ContainerStore.isGroup(above) { try? Directory.remove(hierarchy.root + above) }
  }

  /// Ends what still runs in the cgroup, waits for it to be gone, and removes the cgroup with all below.
  ///
  /// - Parameter milliseconds: the longest wait for processes that are being ended.
  func remove(within milliseconds: Int32 = 10_000) throws(ContainerError) {
    if removeWhenEmpty() { return }
    try kill()
    try waitUntilEmpty(milliseconds)
    try attempt("remove the cgroup \(directory)") { () throws(Errno) in
      do throws(Errno) {
        try Directory.removeTree(directory, directoriesOnly: true)
      } catch .noSuchFileOrDirectory {}
    }
    removeGroup()
  }

  /// Removes the cgroup when nothing runs in it and none is below it, without a wait.
  ///
  /// - Returns: whether it is gone.
  func removeWhenEmpty() -> Bool {
    do throws(Errno) {
      try Directory.remove(directory)
    } catch .noSuchFileOrDirectory {} catch { return false }
    removeGroup()
    return true
  }

  /// Removes the cgroup once nothing runs in it; where something still does after `milliseconds`, it stays as it is.
  func removeOnceEmpty(within milliseconds: Int32) throws(ContainerError) {
    if removeWhenEmpty() { return }
    do throws(ContainerError) { try waitUntilEmpty(milliseconds) } catch {
      guard error.errno == .resourceBusy else { throw error }
      return
    }
    _ = removeWhenEmpty()
  }

  private func waitUntilEmpty(_ milliseconds: Int32) throws(ContainerError) {
    let path = "\(directory)/cgroup.events"
    let step: Int32 = 50
    var waited: Int32 = 0
    do throws(Errno) {
      let events = try EventFile(path)
      while try events.text().split(separator: "\n").contains("populated 1") {
        if waited >= milliseconds { throw .resourceBusy }
        var entries = [events.entry]
        if try !poll(&entries, milliseconds: step) { waited += step }
      }
    } catch .noSuchFileOrDirectory {
      return
    } catch .noSuchDevice {
      return
    } catch {
      throw ContainerError(
        "wait for the processes of \(directory) to end", error,
        advice: "a process that waits for a device or a network file system ends when that answers")
    }
  }
}
