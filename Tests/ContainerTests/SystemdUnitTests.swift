import Testing

@testable import Container

@Suite("Scopes of systemd")
struct SystemdScopeTests {
  private func scope(_ path: String?) throws -> SystemdScope {
    try SystemdScope(cgroupsPath: path, id: ContainerID("web"))
  }

  @Test(
    "A slice's directory is below one for each dash in its name",
    arguments: [
      (nil, "/system.slice/swiftjail-web.scope"),
      (":docker:abc", "/system.slice/docker-abc.scope"),
      ("system.slice:docker:abc", "/system.slice/docker-abc.scope"),
      ("machine-foo.slice:libpod:a", "/machine.slice/machine-foo.slice/libpod-a.scope"),
      ("a-b-c.slice:p:n", "/a.slice/a-b.slice/a-b-c.slice/p-n.scope"),
      ("-.slice:p:n", "/p-n.scope"),
      ("user.slice::n", "/user.slice/n.scope"),
      (
        "kubepods-pod1_2.slice:cri-containerd:n",
        "/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-n.scope"
      ),
    ] as [(String?, String)])
  func path(cgroupsPath: String?, path: String) throws { #expect(try scope(cgroupsPath).cgroupPath == path) }

  @Test(
    "What names no scope is refused by its field",
    arguments: [
      "/web", "a:b", "system.slice:a:b:c", "system:a:b", ".slice:a:b", "a--b.slice:a:b", "-a.slice:a:b",
      "a-.slice:a:b", "a/b.slice:a:b", "system.slice:a:", "system.slice:a/b:c", "system.slice:a:b+c",
      "system.slice:a:b c", "system.slice:a:" + String(repeating: "n", count: 250),
    ])
  func refused(path: String) {
    let error = #expect(throws: ContainerError.self) { _ = try scope(path) }
    #expect(error?.kind == .invalidConfig)
    #expect(error?.description.hasPrefix("linux.cgroupsPath: ") == true)
  }
}

@Suite("Properties of systemd's units")
struct SystemdPropertyTests {
  @Test(
    "A setting becomes the property that writes the same",
    arguments: [
      ("memory.max", "67108864", ["MemoryMax t 67108864"]),
      ("memory.max", "max", ["MemoryMax t 18446744073709551615"]),
      ("memory.max", "64M", ["MemoryMax t 67108864"]),
      ("memory.swap.max", "0", ["MemorySwapMax t 0"]),
      ("memory.low", "4096", ["MemoryLow t 4096"]),
      ("cpu.weight", "100", ["CPUWeight t 100"]),
      ("cpu.max", "50000 100000", ["CPUQuotaPerSecUSec t 500000", "CPUQuotaPeriodUSec t 100000"]),
      // Whole percents, rounded up.
      ("cpu.max", "10001 1000000", ["CPUQuotaPerSecUSec t 20000", "CPUQuotaPeriodUSec t 1000000"]),
      (
        "cpu.max", "max 50000",
        ["CPUQuotaPerSecUSec t 18446744073709551615", "CPUQuotaPeriodUSec t 50000"]
      ),
      ("cpuset.cpus", "0-2,9", ["AllowedCPUs ay 2 7 2"]),
      ("cpuset.cpus", "0-2, 9", ["AllowedCPUs ay 2 7 2"]), ("cpuset.cpus", " 0,, 2 ", ["AllowedCPUs ay 1 5"]),
      ("cpuset.mems", "0", ["AllowedMemoryNodes ay 1 1"]),
      ("io.weight", "default 500", ["IOWeight t 500"]),
      // Those that systemd would refuse, or has nothing for, are the kernel's to judge alone.
      ("memory.max", "0", []), ("memory.max", "lots", []), ("cpu.weight", "0", []), ("cpu.max", "1 0", []),
      ("cpu.max", "9223372036854775807 1", []), ("cpuset.cpus", "1-0", []), ("cpuset.cpus", "0-", []),
      ("io.weight", "8:0 500", []), ("cpu.idle", "1", []),
    ] as [(String, String, [String])])
  func property(file: String, value: String, expected: [String]) {
    let setting = CgroupSetting(field: "linux.resources", file: file, value: value)
    let properties = SystemdProperty.limits([setting]).filter { $0.name != "TasksMax" }
    #expect(properties.map { $0.arguments.joined(separator: " ") } == expected)
  }

  @Test("Tasks are unlimited unless a limit says otherwise, and the later of two limits counts")
  func tasks() {
    func tasks(_ values: String...) -> [[String]] {
      SystemdProperty.limits(values.map { CgroupSetting(field: "f", file: "pids.max", value: $0) }).map(
        \.values)
    }
    #expect(tasks() == [["18446744073709551615"]])
    #expect(tasks("7") == [["7"]])
    #expect(tasks("7", "9") == [["9"]])
  }
}
