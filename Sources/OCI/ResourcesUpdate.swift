extension RuntimeConfig.Linux.Resources {
  /// The change that `update` makes to these limits, and the limits after it.
  ///
  /// What `change` does not have stays as it is, and so does a number that is 0 where the specification has no such value: Go's
  /// encoders write that for what is not given. Of quota and period, or memory and swap, one alone may be given.
  public func updated(by change: Self) -> (settings: Self, result: Self) {
    var settings = change
    settings.memory.complete(from: memory)
    settings.cpu.complete(from: cpu)
    if settings.blockIO.weight ?? 0 != 0 {
      // The kernel may take it for the weight of every disk.
      var weights = blockIO
      weights.merge(change.blockIO)
      settings.blockIO.weightDevice = weights.weightDevice
    }
    var result = self
    result.memory.merge(settings.memory)
    result.cpu.merge(settings.cpu)
    if change.memory.limit != nil, change.memory.swap == nil {
      // The kernel limits swap alone, and that limit stays.
      result.memory.keepSwap(of: memory)
    }
    result.pids = change.pids?.limit == nil ? pids : change.pids
    result.blockIO.merge(change.blockIO)
    for limit in change.hugepageLimits {
      result.hugepageLimits.removeAll { $0.pageSize == limit.pageSize }
      result.hugepageLimits.append(limit)
    }
    for element in change.rdma.elements { result.rdma[element.name] = element.value }
    for element in change.unified.elements { result.unified[element.name] = element.value }
    if !change.devices.isEmpty { result.devices = change.devices }
    result.network = change.network
    return (settings, result)
  }
}

extension RuntimeConfig.Linux.Memory {
  /// Adds what else has to change with the limits given.
  fileprivate mutating func complete(from old: Self) {
    // As in cgroup v1, where no limit on memory meant none on swap.
    if limit == -1, swap ?? 0 == 0 { swap = -1 }
    if swap ?? 0 > 0, limit ?? 0 == 0 { limit = old.limit }
  }

  fileprivate mutating func merge(_ new: Self) {
    limit = given(new.limit) ?? limit
    reservation = given(new.reservation) ?? reservation
    swap = given(new.swap) ?? swap
    kernel = new.kernel ?? kernel
    kernelTCP = new.kernelTCP ?? kernelTCP
    swappiness = new.swappiness ?? swappiness
    disableOOMKiller = new.disableOOMKiller ?? disableOOMKiller
    useHierarchy = new.useHierarchy ?? useHierarchy
    checkBeforeUpdate = new.checkBeforeUpdate ?? checkBeforeUpdate
  }

  /// Adapts the limit on memory and swap together to another one on memory.
  fileprivate mutating func keepSwap(of old: Self) {
    guard let limit, limit > 0, let swap, swap > 0, let before = old.limit, before > 0, swap >= before else {
      return
    }
    let (sum, overflow) = limit.addingReportingOverflow(swap - before)
    self.swap = overflow ? .max : sum
  }
}

extension RuntimeConfig.Linux.CPU {
  /// Adds what else has to change with the limits given: quota and period are one file, and an idle group has no weight.
  fileprivate mutating func complete(from old: Self) {
    if quota ?? 0 != 0, period ?? 0 == 0 { period = old.period }
    if period ?? 0 != 0, quota ?? 0 == 0 { quota = old.quota }
    if shares ?? 0 != 0, idle == nil { idle = old.idle }
    if idle == 0, shares ?? 0 == 0 { shares = old.shares }
  }

  fileprivate mutating func merge(_ new: Self) {
    shares = given(new.shares) ?? shares
    quota = given(new.quota) ?? quota
    burst = new.burst ?? burst
    period = given(new.period) ?? period
    realtimeRuntime = new.realtimeRuntime ?? realtimeRuntime
    realtimePeriod = new.realtimePeriod ?? realtimePeriod
    cpus = new.cpus ?? cpus
    mems = new.mems ?? mems
    idle = new.idle ?? idle
  }
}

extension RuntimeConfig.Linux.BlockIO {
  fileprivate mutating func merge(_ new: Self) {
    weight = given(new.weight) ?? weight
    leafWeight = new.leafWeight ?? leafWeight
    for device in new.weightDevice {
      weightDevice.removeAll { $0.major == device.major && $0.minor == device.minor }
      weightDevice.append(device)
    }
    Self.merge(&throttleReadBpsDevice, new.throttleReadBpsDevice)
    Self.merge(&throttleWriteBpsDevice, new.throttleWriteBpsDevice)
    Self.merge(&throttleReadIOPSDevice, new.throttleReadIOPSDevice)
    Self.merge(&throttleWriteIOPSDevice, new.throttleWriteIOPSDevice)
  }

  private static func merge(
    _ rates: inout [RuntimeConfig.Linux.Throttle], _ new: [RuntimeConfig.Linux.Throttle]
  ) {
    for device in new {
      rates.removeAll { $0.major == device.major && $0.minor == device.minor }
      rates.append(device)
    }
  }
}

/// The number, unless it is the 0 that stands for none.
private func given<Number: BinaryInteger>(_ number: Number?) -> Number? { number == 0 ? nil : number }
