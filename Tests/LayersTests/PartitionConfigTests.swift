import OCI
import Testing

@testable import Layers

@Suite("A partition's configuration")
struct PartitionConfigTests {
  let surroundings = PartitionSurroundings(
    name: "web",
    fileTree: [RuntimeConfig.Mount(destination: "/", type: "overlay", options: ["lowerdir=/l"])],
    user: RuntimeConfig.User(uid: 7, gid: 8), shell: "/bin/bash",
    capabilities: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"],
    knownCapabilities: ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"], accountsForSwap: true,
    devices: [RuntimeConfig.Linux.Device(type: .block, path: "/dev/sda", major: 8, minor: 0)],
    maskedPaths: ["/sys/heat"])

  func config(_ change: (inout PartitionSettings) throws -> Void) throws -> RuntimeConfig {
    var settings = PartitionSettings(base: .host)
    try change(&settings)
    let config = try settings.config(surroundings)
    try config.validate()
    return config
  }

  @Test("Without options it is a shell, apart from the host in all that it could share")
  func plain() throws {
    let config = try config { _ in }
    #expect(config.process?.args == ["/bin/bash"])
    #expect(config.process?.user == surroundings.user)
    #expect(config.process?.noNewPrivileges == true)
    #expect(config.process?.terminal == false)
    #expect(config.process?.cwd == "/")
    #expect(config.process?.capabilities?.bounding == ["CAP_CHOWN", "CAP_KILL"])
    #expect(config.process?.capabilities?.ambient == [])
    #expect(config.hostname == "web")
    #expect(config.root == RuntimeConfig.Root(path: "rootfs", readonly: false))
    #expect(
      Set(config.linux.namespaces.map(\.type)) == [.pid, .ipc, .uts, .mount, .cgroup, .network])
    #expect(config.linux.resources.memory == RuntimeConfig.Linux.Memory())
    #expect(config.linux.resources.devices == [RuntimeConfig.Linux.DeviceRule(allow: false, access: "rwm")])
    #expect(config.linux.devices.isEmpty)
    #expect(config.linux.maskedPaths.contains("/proc/kcore") && config.linux.maskedPaths.last == "/sys/heat")
    #expect(config.linux.readonlyPaths.contains("/proc/sys"))
    #expect(config.annotations == ["org.swiftjail.base": "host", "org.swiftjail.keyrings": "none"])
  }

  @Test("The file tree is mounted first, volumes after the kernel's own file systems")
  func order() throws {
    let config = try config { settings in
      settings.volumes = [try Volume("/a:/proc/a", relativeTo: "/")]
      settings.temporaryDirectories = [try TemporaryDirectory("/t")]
      settings.initProgram = "/usr/bin/swiftjail"
    }
    let places = config.mounts.map(\.destination)
    #expect(places.first == "/")
    #expect(places.suffix(3) == ["/t", "/proc/a", "/run/swiftjail-init"])
    #expect(places.contains("/proc") && places.contains("/sys/fs/cgroup"))
    #expect(config.mounts.first { $0.destination == "/sys/fs/cgroup" }?.options.contains("ro") == true)
  }

  @Test("The domain name and the memory that it is left with are those of the settings")
  func domainAndReservation() throws {
    let config = try config { settings in
      settings.domainname = "example.org"
      settings.memoryReservation = ByteSize(bytes: 4096)
    }
    #expect(config.domainname == "example.org")
    #expect(config.linux.resources.memory.reservation == 4096)
  }

  @Test("The kernel's settings are those that were asked for")
  func kernelSettings() throws {
    let config = try config { settings in
      settings.sharedMemory = ByteSize(bytes: 1 << 20)
      settings.resourceLimits = [RuntimeConfig.Rlimit(type: "RLIMIT_NOFILE", hard: 20, soft: 10)]
      settings.kernelParameters = ["net.core.somaxconn": "10"]
      settings.outOfMemoryAdjustment = 500
    }
    let shared = try #require(config.mounts.first { $0.destination == "/dev/shm" })
    #expect(shared.options.filter { $0.hasPrefix("size=") } == ["size=1048576"])
    #expect(config.process?.rlimits == [RuntimeConfig.Rlimit(type: "RLIMIT_NOFILE", hard: 20, soft: 10)])
    #expect(config.process?.oomScoreAdj == 500)
    #expect(config.linux.sysctl == ["net.core.somaxconn": "10"])
  }

  @Test("What the caller sets wins over what every partition has")
  func environment() throws {
    let config = try config { settings in
      settings.environment.set("PATH", "/bin")
      settings.environment.set("A", "1")
      settings.hasTerminal = true
    }
    #expect(config.process?.env == ["PATH=/bin", "HOSTNAME=web", "TERM=xterm", "A=1"])
  }

  @Test("A command keeps its dashes behind a first process")
  func initialProcess() throws {
    let config = try config { settings in
      settings.command = ["--", "x", "--y"]
      settings.initProgram = "/usr/bin/swiftjail"
    }
    #expect(config.process?.args == [PartitionSettings.initPath, "--", "x", "--y"])
  }

  @Test("Limits are what the options say, in the units of the specification")
  func limits() throws {
    let config = try config { settings in
      settings.memory = ByteSize("64m")
      settings.memoryAndSwap = .total(ByteSize(bytes: 96 << 20))
      settings.microCPUs = 1_500_000
      settings.cpuWeight = 250
      settings.cpus = "0-1"
      settings.pidsLimit = 33
    }
    let resources = config.linux.resources
    #expect(resources.memory.limit == 64 << 20 && resources.memory.swap == 96 << 20)
    #expect(resources.cpu.quota == 150_000 && resources.cpu.period == 100_000)
    #expect(resources.cpu.cpus == "0-1" && resources.unified == ["cpu.weight": "250"])
    #expect(resources.pids?.limit == 33)
  }

  @Test("With memory alone limited, memory and swap are twice that, where the kernel counts swap")
  func swap() throws {
    #expect(try config { $0.memory = ByteSize("1m") }.linux.resources.memory.swap == 2 << 20)
    var settings = PartitionSettings(base: .host)
    settings.memory = ByteSize("1m")
    var surroundings = surroundings
    surroundings.accountsForSwap = false
    #expect(try settings.config(surroundings).linux.resources.memory.swap == nil)
    settings.memoryAndSwap = .unlimited
    #expect(try settings.config(surroundings).linux.resources.memory.swap == -1)
  }

  @Test("Memory and swap without memory, or less than it, is refused")
  func badSwap() {
    for memory in [nil, ByteSize("64m")] {
      #expect(throws: LayerError.self) {
        try config { settings in
          settings.memory = memory
          settings.memoryAndSwap = .total(ByteSize(bytes: 32 << 20))
        }
      }
    }
  }

  @Test("A privileged partition has every capability and device, and nothing is hidden from it")
  func privileged() throws {
    let config = try config { $0.isPrivileged = true }
    #expect(config.process?.capabilities?.effective == surroundings.capabilities)
    #expect(config.process?.noNewPrivileges == false)
    #expect(config.linux.devices == surroundings.devices)
    #expect(config.linux.resources.devices == [RuntimeConfig.Linux.DeviceRule(allow: true, access: "rwm")])
    #expect(config.linux.maskedPaths.isEmpty && config.linux.readonlyPaths.isEmpty)
    #expect(config.annotations["org.swiftjail.keyrings"] == nil)
    #expect(!config.mounts.contains { $0.options.contains("ro") })
  }

  @Test("One that sees keyrings is without the filter, and as others in all else")
  func keyrings() throws {
    var usual = try config { _ in }
    usual.annotations["org.swiftjail.keyrings"] = nil
    #expect(try config { $0.seesKeyrings = true } == usual)
  }

  @Test("In the host's network there is no network namespace")
  func network() throws {
    #expect(try !config { $0.network = .host }.linux.namespaces.contains { $0.type == .network })
  }

  @Test("A name too long for a host name is cut, one that is given is not")
  func hostname() throws {
    var surroundings = surroundings
    surroundings.name = String(repeating: "n", count: 200)
    let long = try PartitionSettings(base: .host).config(surroundings)
    try long.validate()
    #expect(long.hostname?.utf8.count == 64)
    #expect(throws: ConfigError.self) { try config { $0.hostname = String(repeating: "n", count: 65) } }
  }
}
