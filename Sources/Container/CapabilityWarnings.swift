import Linux

extension ProcessPlan {
  /// Warnings about capabilities that the process asks for and does not get: the specification has a runtime log them
  /// and continue without them (config.md, "capabilities").
  func warnings(inUserNamespace: Bool) -> [String] {
    capabilities.warnings(available: inUserNamespace ? .known() : .atFirst)
  }
}

extension ProcessPlan.CapabilitySets {
  /// One line for each reason why some are missing.
  ///
  /// - Parameter available: those that the process can have.
  func warnings(available: Capabilities) -> [String] {
    var warnings: [String] = []
    func warn(_ names: [String], _ reason: String) {
      if names.isEmpty { return }
      warnings.append("process.capabilities: \(reason), ignored: \(names.joined(separator: ", "))")
    }
    warn(unknown, "unknown")
    let wanted = [bounding, effective, permitted, inheritable, ambient].reduce(Capabilities()) {
      Capabilities(rawValue: $0.rawValue | $1.rawValue)
    }
    warn(wanted.subtracting(available).allNames, "not available here")
    let raisable = permitted.intersection(inheritable)
    warn(
      ambient.intersection(available).subtracting(raisable).allNames,
      "cannot be ambient without being permitted and inheritable")
    return warnings
  }
}
