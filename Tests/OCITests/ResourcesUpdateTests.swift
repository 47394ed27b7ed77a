import Testing

@testable import OCI

@Suite("Changed limits")
struct ResourcesUpdateTests {
  typealias Resources = RuntimeConfig.Linux.Resources

  /// The limits `old`, changed by `change`.
  private func update(
    _ old: (inout Resources) -> Void, _ change: (inout Resources) -> Void
  ) -> (settings: Resources, result: Resources) {
    var before = Resources()
    old(&before)
    var changes = Resources()
    change(&changes)
    return before.updated(by: changes)
  }

  @Test("What the change does not have, or has as 0, stays")
  func kept() {
    let (_, result) = update {
      $0.memory = .init(limit: 100, reservation: 50, swap: 150, checkBeforeUpdate: true)
      $0.cpu = .init(shares: 7, quota: 2000, burst: 5, period: 3000, cpus: "0", mems: "1", idle: 0)
      $0.pids = .init(limit: 9)
      $0.blockIO.weight = 10
    } _: {
      $0.memory = .init(limit: 0, reservation: 0, swap: 0)
      $0.cpu = .init(shares: 0, quota: 0, period: 0)
      $0.pids = .init()
      $0.blockIO.weight = 0
    }
    #expect(result.memory == .init(limit: 100, reservation: 50, swap: 150, checkBeforeUpdate: true))
    #expect(
      result.cpu == .init(shares: 7, quota: 2000, burst: 5, period: 3000, cpus: "0", mems: "1", idle: 0))
    #expect(result.pids == .init(limit: 9) && result.blockIO.weight == 10)
  }

  @Test("Quota and period are written together, whichever changes")
  func quota() {
    let old: (inout Resources) -> Void = { $0.cpu = .init(quota: 2000, period: 4000) }
    #expect(update(old) { $0.cpu.quota = 3000 }.settings.cpu == .init(quota: 3000, period: 4000))
    #expect(update(old) { $0.cpu.period = 8000 }.settings.cpu == .init(quota: 2000, period: 8000))
    #expect(update({ _ in }) { $0.cpu.quota = 3000 }.settings.cpu == .init(quota: 3000))
  }

  @Test("Another limit on memory leaves that on swap, and none takes it away")
  func memory() {
    let old: (inout Resources) -> Void = { $0.memory = .init(limit: 100, swap: 150) }
    #expect(update(old) { $0.memory.limit = 70 }.result.memory == .init(limit: 70, swap: 120))
    #expect(update(old) { $0.memory.limit = .max }.result.memory == .init(limit: .max, swap: .max))
    #expect(update(old) { $0.memory.limit = -1 }.settings.memory == .init(limit: -1, swap: -1))
    #expect(update(old) { $0.memory.swap = 170 }.settings.memory == .init(limit: 100, swap: 170))
    #expect(update(old) { $0.memory.swap = 170 }.result.memory == .init(limit: 100, swap: 170))
  }

  @Test("A group that idles gets its share when it no longer does")
  func idle() {
    let old: (inout Resources) -> Void = { $0.cpu = .init(shares: 7, idle: 1) }
    #expect(update(old) { $0.cpu.shares = 9 }.settings.cpu == .init(shares: 9, idle: 1))
    #expect(update(old) { $0.cpu.idle = 0 }.settings.cpu == .init(shares: 7, idle: 0))
  }

  @Test("With another weight of all disks, those that have their own get it again")
  func weights() {
    let old: (inout Resources) -> Void = {
      $0.blockIO.weightDevice = [
        .init(major: 8, minor: 0, weight: 20), .init(major: 8, minor: 1, weight: 30),
      ]
    }
    let (settings, result) = update(old) {
      $0.blockIO.weight = 10
      $0.blockIO.weightDevice = [.init(major: 8, minor: 0, weight: 40)]
    }
    let weights: [RuntimeConfig.Linux.DeviceWeight] = [
      .init(major: 8, minor: 1, weight: 30), .init(major: 8, minor: 0, weight: 40),
    ]
    #expect(settings.blockIO.weightDevice == weights && result.blockIO.weightDevice == weights)
    #expect(update(old) { $0.blockIO.throttleReadBpsDevice = [] }.settings.blockIO.weightDevice.isEmpty)
  }

  @Test("Limits by device and page size change one by one, device rules as a whole")
  func lists() {
    let (_, result) = update {
      $0.blockIO.throttleReadBpsDevice = [
        .init(major: 8, minor: 0, rate: 1), .init(major: 8, minor: 16, rate: 2),
      ]
      $0.blockIO.weightDevice = [.init(major: 8, minor: 0, weight: 10)]
      $0.hugepageLimits = [.init(pageSize: "2MB", limit: 1), .init(pageSize: "1GB", limit: 2)]
      $0.rdma = ["a": .init(hcaHandles: 1)]
      $0.unified = ["memory.high": "1"]
      $0.devices = [.init(allow: false), .init(allow: true, type: .block)]
    } _: {
      $0.blockIO.throttleReadBpsDevice = [.init(major: 8, minor: 0, rate: 7)]
      $0.blockIO.weightDevice = [.init(major: 8, minor: 0, weight: 20)]
      $0.hugepageLimits = [.init(pageSize: "2MB", limit: 7)]
      $0.rdma = ["b": .init(hcaObjects: 1)]
      $0.unified = ["memory.high": "2", "pids.max": "3"]
      $0.devices = [.init(allow: true)]
    }
    #expect(
      result.blockIO.throttleReadBpsDevice
        == [.init(major: 8, minor: 16, rate: 2), .init(major: 8, minor: 0, rate: 7)])
    #expect(result.blockIO.weightDevice == [.init(major: 8, minor: 0, weight: 20)])
    #expect(
      result.hugepageLimits == [.init(pageSize: "1GB", limit: 2), .init(pageSize: "2MB", limit: 7)])
    #expect(result.rdma == ["a": .init(hcaHandles: 1), "b": .init(hcaObjects: 1)])
    #expect(result.unified == ["memory.high": "2", "pids.max": "3"])
    #expect(result.devices == [.init(allow: true)])
  }
}
