extension RuntimeConfig.Process {
  /// Checks what the types cannot say and needs no kernel; `exec --process` gives such a value alone.
  public func validate() throws(ConfigError) {
    try check(!args.isEmpty, "args", "must not be empty: there is nothing to run")
    try check(args.first?.isEmpty == false, "args[0]", "must not be empty: there is nothing to run")
    try check(isAbsolute(cwd), "cwd", "must be an absolute path")
    try check(user.umask ?? 0 <= 0o777, "user.umask", "must be 0 to 511 (0o777)")
    try validateRlimits()
    try check(
      (-1000...1000).contains(oomScoreAdj ?? 0), "oomScoreAdj", "must be -1000 to 1000")
    try inside("scheduler") { () throws(ConfigError) in try scheduler?.validate() }
    try check((0...7).contains(ioPriority?.priority ?? 0), "ioPriority.priority", "must be 0 to 7")
    try checkNumberList("execCPUAffinity.initial", execCPUAffinity?.initial)
    try checkNumberList("execCPUAffinity.final", execCPUAffinity?.final)
  }

  private func validateRlimits() throws(ConfigError) {
    try each(rlimits, "rlimits") { (limit) throws(ConfigError) in
      let name = limit.type.utf8
      let prefix = "RLIMIT_".utf8
      try check(
        name.starts(with: prefix) && name.count > prefix.count, "type",
        "\(quoted(limit.type)) is not the name of a resource limit, such as RLIMIT_NOFILE")
      try check(limit.soft <= limit.hard, "soft", "\(limit.soft) is above the hard limit, \(limit.hard)")
    }
    try distinct(rlimits, "rlimits", by: \.type, "type")
  }
}

extension RuntimeConfig.Scheduler {
  func validate() throws(ConfigError) {
    try check((-20...19).contains(nice ?? 0), "nice", "must be -20 to 19")
    switch policy {
    case .fifo, .rr:
      try check((1...99).contains(priority ?? 0), "priority", "must be 1 to 99 with \(policy.rawValue)")
    case .other, .batch, .iso, .idle, .deadline:
      try check(priority ?? 0 == 0, "priority", "is for SCHED_FIFO and SCHED_RR, not \(policy.rawValue)")
    }
    if policy == .deadline {
      let runtime = runtime ?? 0
      let deadline = deadline ?? 0
      let period = period ?? 0
      try check(runtime > 0, "runtime", "is required with SCHED_DEADLINE")
      try check(runtime <= deadline, "deadline", "must not be below the runtime")
      try check(period == 0 || deadline <= period, "period", "must not be below the deadline")
    } else {
      try check(runtime ?? 0 == 0, "runtime", "is for SCHED_DEADLINE, not \(policy.rawValue)")
      try check(deadline ?? 0 == 0, "deadline", "is for SCHED_DEADLINE, not \(policy.rawValue)")
      try check(period ?? 0 == 0, "period", "is for SCHED_DEADLINE, not \(policy.rawValue)")
    }
  }
}

/// Checks that a text, if there is one, is a list of numbers and ranges.
func checkNumberList(_ property: String, _ text: String?) throws(ConfigError) {
  guard let text else { return }
  try check(
    isNumberList(text), property, "\(quoted(text)) is not a list of numbers and ranges, such as 0-3,7")
}
