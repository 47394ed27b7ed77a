import Linux

extension ContainerStore {
  /// What the containers called `names` use now, as far as their cgroups are where a store has them whose containers do not
  /// say it: `nil` for those that have none there.
  ///
  /// The kernel takes its time for each file of a cgroup, so several processes read those of many. The caller must be
  /// single-threaded.
  public func usage(of names: [String]) -> [ContainerUsage?] {
    guard let hierarchy = try? CgroupHierarchy.find(),
      let directory = try? FileDescriptor.open(hierarchy.root + cgroups, [.path, .directory])
    else { return names.map { _ in nil } }
    sumUpUsage()
    let hasMemory = (try? hierarchy.controllers().contains("memory")) ?? true
    return Self.usage(
      of: names[...], UsageReader(directory: directory.rawValue, hasMemory: hasMemory),
      processes: min(Processors.count, Self.mostReaders, names.count / Self.fewestEach))
  }

  /// Has the kernel sum up what all cgroups of the store have used, which it does for one of them when that is asked for: in
  /// a time that grows with the number of all those beside it, and so by far too long in the end.
  public func sumUpUsage() {
    guard let hierarchy = try? CgroupHierarchy.find() else { return }
    _ = try? File.read("\(hierarchy.root)\(cgroups)/cpu.stat")
  }

  /// More processes than this wait for each other in the kernel.
  private static let mostReaders = 8
  /// For fewer a process is not worth its making.
  private static let fewestEach = 200

  private static func usage(
    of names: ArraySlice<String>, _ reader: UsageReader, processes: Int
  ) -> [ContainerUsage?] {
    guard processes > 1, let pipe = try? FileDescriptor.pipe(), let cloned = try? clone(into: []) else {
      return reader.usage(of: names)
    }
    let middle = names.startIndex + names.count / processes
    switch consume cloned {
    case .child:
      let found = usage(of: names[middle...], reader, processes: processes - 1)
      do throws(Errno) { try pipe.write.writeAll(UsageReader.bytes(of: found)) } catch { exitNow(1) }
      exitNow(0)
    case .parent(_, let child):
      _ = consume pipe.write
      let own = reader.usage(of: names[..<middle])
      let others = UsageReader.usage(in: (try? pipe.read.readToEnd()) ?? [])
      _ = try? child.wait()
      // One that was killed has left it to this process.
      return own + (others.count == names.endIndex - middle ? others : reader.usage(of: names[middle...]))
    }
  }
}

/// Reads what the cgroups in one directory use.
private struct UsageReader {
  /// The number of the directory's descriptor.
  let directory: Int32
  /// Whether the machine counts memory for cgroups.
  let hasMemory: Bool

  func usage(of names: ArraySlice<String>) -> [ContainerUsage?] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
    defer { buffer.deallocate() }
    return names.map { name in
      guard let time = number("\(name)/cpu.stat", after: "usage_usec ", buffer) else { return nil }
      let memory = hasMemory ? number("\(name)/memory.current", after: "", buffer) : nil
      return ContainerUsage(memory: memory, processorTime: time)
    }
  }

  /// The number that follows `key` at the beginning of a file.
  private func number(
    _ path: String, after key: StaticString, _ buffer: UnsafeMutableRawBufferPointer
  ) -> UInt64? {
    guard let file = try? FileDescriptor.open(path, .readOnly, at: directory),
      let count = try? file.read(into: buffer)
    else { return nil }
    let key = UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
    guard buffer[..<count].starts(with: key) else { return nil }
    let digits = buffer[key.count..<count].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    return UInt64(String(decoding: digits, as: UTF8.self))
  }

  // MARK: From one process to another

  /// What stands for nothing that is known.
  private static let unknown = UInt64.max

  /// Two numbers for each.
  static func bytes(of usages: [ContainerUsage?]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(usages.count * 16)
    for usage in usages {
      for number in [usage?.memory ?? unknown, usage?.processorTime ?? unknown] {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
      }
    }
    return bytes
  }

  static func usage(in bytes: [UInt8]) -> [ContainerUsage?] {
    bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / 16).map { index in
        let memory = bytes.loadUnaligned(fromByteOffset: index * 16, as: UInt64.self)
        let time = bytes.loadUnaligned(fromByteOffset: index * 16 + 8, as: UInt64.self)
        if time == unknown { return nil }
        return ContainerUsage(memory: memory == unknown ? nil : memory, processorTime: time)
      }
    }
  }
}
