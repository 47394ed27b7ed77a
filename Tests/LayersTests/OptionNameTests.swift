import Testing

@testable import Layers

@Suite("What errors call the user's own words")
struct OptionNameTests {
  func settings() throws -> PartitionSettings {
    var settings = PartitionSettings(base: .host)
    settings.temporaryDirectories = [try TemporaryDirectory("/t:size=1x")]
    settings.volumes = [try Volume("/a:/b:ro", relativeTo: "/"), try Volume("/c:/d", relativeTo: "/")]
    return settings
  }

  @Test(
    "An error about a field names the option, and the definition's field",
    arguments: [
      ("linux.resources.memory.limit", "--memory", "memory"),
      ("linux.resources.memory.swap", "--memory", "memory"),
      ("linux.resources.cpu.quota", "--cpus", "cpus"),
      ("linux.resources.cpu.cpus", "--cpuset-cpus", "cpusetCpus"),
      ("linux.resources.unified.cpu.weight", "--cpu-weight", "cpuWeight"),
      ("linux.resources.pids.limit", "--pids-limit", "pidsLimit"),
      ("process.env[3]", "--env", "environment"),
      ("process.cwd", "--workdir", "workdir"),
      ("process.user", "--user", "user"),
      ("process.user.additionalGids[0]", "--group-add", "groups"),
      ("process.capabilities.bounding[2]", "--cap-add", "capAdd"),
      ("hostname", "--hostname", "hostname"),
      ("mounts[7]", "--tmpfs /t:size=1x", "tmpfs /t:size=1x"),
      ("mounts[8].options", "--volume /a:/b:ro", "volumes /a:/b:ro"),
      ("mounts[9]", "--volume /c:/d", "volumes /c:/d"),
    ])
  func field(field: String, option: String, definition: String) throws {
    let text = "\(field): no: such thing"
    let settings = try settings()
    #expect(settings.named(text, mountCount: 10, as: .options) == "\(option): no: such thing")
    #expect(settings.named(text, mountCount: 10, as: .definition) == "\(definition): no: such thing")
  }

  @Test("A limit of swap that the user gave is called so")
  func swap() throws {
    var settings = try settings()
    settings.memoryAndSwap = .unlimited
    let text = settings.named("linux.resources.memory.swap: no", mountCount: 10, as: .options)
    #expect(text == "--memory-swap: no")
  }

  @Test("The program that --init asks for is the last mount")
  func initProgram() throws {
    var settings = try settings()
    settings.initProgram = "/bin/init"
    #expect(settings.named("mounts[9]: no", mountCount: 10, as: .options) == "--init: no")
    #expect(settings.named("mounts[8]: no", mountCount: 10, as: .options) == "--volume /c:/d: no")
  }

  @Test(
    "Everything else stays as it is",
    arguments: [
      "", ":", "mounts[1]: no", "mounts[10]: no", "mounts[x]: no", "mounts[99999999999999999999]: no",
      "process.environment: no", "linux.resources.memory.limits: no",
      "mount /: linux.resources.memory.limit: no",
      "exec: \"x\": executable file not found in $PATH", "hostname",
    ])
  func others(text: String) throws {
    #expect(try settings().named(text, mountCount: 10, as: .options) == text)
  }
}
