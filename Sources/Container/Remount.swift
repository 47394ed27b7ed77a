import Linux

extension RootFilesystem {
  /// Changes the options of what is mounted at the destination of `entry` already (`mount(8)`, `remount`).
  func remount(_ entry: MountPlan) throws(ContainerError) {
    let options = entry.options
    let operation = "\(entry.field): remount \(entry.destination)"
    let place = try attempt(operation) { () throws(Errno) in
      entry.destination == "/" ? try root.duplicate() : try open(entry.destination)
    }
    if !options.data.isEmpty || !options.superblockSet.isEmpty || !options.superblockClear.isEmpty {
      try reconfigure(place, entry, operation)
    }
    try attempt(operation) { () throws(Errno) in
      if !options.set.isEmpty || !options.clear.isEmpty {
        try changeMount(at: "", in: place.rawValue, set: options.set, clear: options.clear)
      }
      if !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
        try changeMount(
          at: "", in: place.rawValue, set: options.recursiveSet, clear: options.recursiveClear,
          recursive: true)
      }
      for change in options.propagation {
        try changeMount(
          at: "", in: place.rawValue, propagation: change.propagation, recursive: change.recursive)
      }
    }
  }

  /// Changes the file system itself.
  private func reconfigure(
    _ place: borrowing FileDescriptor, _ entry: MountPlan, _ operation: String
  ) throws(ContainerError) {
    let context = try attempt(operation) { () throws(Errno) in try FileSystemContext(changing: place) }
    do throws(Errno) {
      try context.set(entry.options.superblockSet, clear: entry.options.superblockClear)
      for option in entry.options.data { try context.set(option.key, option.value) }
      try context.reconfigure()
    } catch {
      let said = context.messages()
      throw ContainerError(operation, error, advice: said.isEmpty ? nil : said)
    }
  }
}
