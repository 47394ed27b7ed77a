extension RuntimeConfig.Linux.Seccomp {
  /// Whether a rule asks a listener.
  public var notifies: Bool { syscalls.contains { $0.action == .notify } }

  func validate() throws(ConfigError) {
    try check(
      defaultAction != .notify, "defaultAction",
      "must not be SCMP_ACT_NOTIFY: the runtime could not hand the listener over")
    try check(
      defaultErrnoRet == nil || defaultAction.takesErrno, "defaultErrnoRet",
      "\(defaultAction.rawValue) takes no error number")
    try each(syscalls, "syscalls") { (rule) throws(ConfigError) in
      try check(!rule.names.isEmpty, "names", "must not be empty")
      try each(rule.names, "names") { (name) throws(ConfigError) in
        try check(!name.isEmpty, "", "must not be empty")
        try check(
          name != "write" || rule.action != .notify, "",
          "must not be write with SCMP_ACT_NOTIFY: the runtime could not hand the listener over")
      }
      try check(
        rule.errnoRet == nil || rule.action.takesErrno, "errnoRet",
        "\(rule.action.rawValue) takes no error number")
      try each(rule.args, "args") { (argument) throws(ConfigError) in
        try check(argument.index < 6, "index", "\(argument.index) is not between 0 and 5")
      }
    }
    try check(
      !notifies || listenerPath != nil, "listenerPath", "is required with the action SCMP_ACT_NOTIFY")
  }
}

extension RuntimeConfig.Linux.Seccomp.Action {
  /// Whether an error number can be given.
  var takesErrno: Bool { self == .errno || self == .trace }
}
