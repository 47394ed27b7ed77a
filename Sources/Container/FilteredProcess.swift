import Linux

// How a container's process comes under its filter (`linux.seccomp`). The kernel takes a filter from a thread that can gain no
// privileges by `execve`, or has CAP_SYS_ADMIN. So without process.noNewPrivileges the filter comes before the last capabilities
// are given up, and otherwise as late as possible: in either case from the trampoline, the last image before the program.

extension ContainerProcess {
  /// The filter that the trampoline with `prelude` puts in force.
  func filter(after prelude: Trampoline.Prelude, inUserNamespace: Bool) -> Trampoline.Filter? {
    guard let seccomp = plan.seccomp else { return nil }
    var isWaiting = false
    if case .wait = prelude { isWaiting = true }
    let available = inUserNamespace ? Capabilities.bounding() : Capabilities.atFirst
    let isPrivileged = capabilitiesForFilter(available) != Capabilities()
    return Trampoline.Filter(
      seccomp.filter,
      // Nobody waits for the listener of a process that was started by another program than the one that created it. And a
      // process with a capability too many does not wait, and is not among the container's.
      comesFirst: isPrivileged || isWaiting && seccomp.listener != nil,
      leaving: isPrivileged ? programsCapabilities(available) : nil)
  }

  /// What the process keeps beside the program's capabilities until its filter is in force.
  ///
  /// - Parameter available: the bounding set that it had at first.
  func capabilitiesForFilter(_ available: Capabilities) -> Capabilities {
    guard plan.seccomp != nil, !plan.noNewPrivileges else { return Capabilities() }
    let administration = Capabilities.systemAdministration
    if programsCapabilities(available).permitted.contains(administration) { return Capabilities() }
    return Capabilities(rawValue: 1 << UInt64(administration))
  }

  /// What `execve` leaves the program (`capabilities(7)`, "Transformation of capabilities during execve()").
  private func programsCapabilities(_ available: Capabilities) -> Trampoline.Filter.Remaining {
    let sets = plan.capabilities
    let inheritable = sets.inheritable.intersection(available)
    let bounding = sets.bounding.intersection(available)
    let ambient = sets.ambient.intersection(sets.permitted).intersection(inheritable)
    return Trampoline.Filter.Remaining(
      permitted: plan.user == 0 ? inheritable.union(bounding) : ambient, inheritable: inheritable)
  }
}
