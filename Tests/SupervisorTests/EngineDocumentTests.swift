import Container
import Layers
import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

private let facts = EngineFacts(
  id: "M", hostname: "box", version: "1.0", kernelVersion: "6.12", operatingSystem: "Debian",
  operatingSystemVersion: "12", machine: "x86_64", cpus: 2, memory: 1 << 30,
  rootDirectory: "/var/lib/swiftjail",
  descriptors: 9, listeners: 1, limits: OfferedLimits(controllers: ["cpu", "memory"], hasSwap: false))

private func status(_ state: PartitionStatus.State) -> PartitionStatus {
  var definition = PartitionDefinition(name: "web", content: .partition(PartitionSettings(base: .host)))
  definition.labels = ["app": "shop"]
  var status = PartitionStatus(definition, id: "aabb", created: 0)
  status.state = state
  return status
}

@Suite("The documents of the engine")
struct EngineDocumentTests {
  @Test("The version is the API's and the program's")
  func version() {
    let json = facts.versionDocument
    #expect(json["ApiVersion"] == .string("1.41") && json["MinAPIVersion"] == .string("1.12"))
    #expect(json["Version"] == .string("1.0") && json["Arch"] == .string("amd64"))
    #expect(EngineFacts.headers.contains { $0 == ("Api-Version", "1.41") })
  }

  @Test("Every container is counted once")
  func info() {
    let states: [PartitionStatus.State] = [
      .created, .running, .paused, .restarting, .exited, .crashLoop, .removing, .dead,
    ]
    let json = facts.infoDocument(EngineFacts.Counts(states), now: 0)
    #expect(json["Containers"] == .integer(8))
    #expect(json["ContainersRunning"] == .integer(2))
    #expect(json["ContainersPaused"] == .integer(1))
    #expect(json["ContainersStopped"] == .integer(5))
    #expect(json["SystemTime"] == .string("1970-01-01T00:00:00.000000000Z"))
    var counts = EngineFacts.Counts(states.lazy.filter { $0 == .exited })
    counts.add([.running, .exited])
    #expect(counts.running == 1 && counts.paused == 0 && counts.stopped == 2)
    #expect(json["Architecture"] == .string("x86_64") && json["NCPU"] == .integer(2))
  }

  @Test("Limits are those that the machine offers, and others are warned of as Docker does")
  func limits() {
    let json = facts.infoDocument(EngineFacts.Counts([PartitionStatus.State]()), now: 0)
    for key in ["MemoryLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares"] {
      #expect(json[key] == .bool(true), "\(key)")
    }
    for key in ["SwapLimit", "CPUSet", "PidsLimit"] { #expect(json[key] == .bool(false), "\(key)") }
    #expect(
      json["Warnings"]
        == .texts([
          "WARNING: No swap limit support", "WARNING: No cpuset support", "WARNING: No pids limit support",
        ]))
  }

  @Test("There is the image host, by all its names")
  func image() throws {
    let image = HostImage(created: 5_000_000_000, architecture: "amd64")
    #expect(image.inspection["Id"] == .string(HostImage.id))
    #expect(image.inspection["Created"] == .string("1970-01-01T00:00:05.000000000Z"))
    #expect(image.summary(containers: 3)["Containers"] == .integer(3))
    for name in ["host", "host:latest", HostImage.id, String(HostImage.id.dropFirst(7).prefix(12))] {
      #expect(HostImage.isNamed(by: name))
    }
    for name in ["hos", "host:1", "sha256:", "4740ffff", ""] { #expect(!HostImage.isNamed(by: name)) }
    for (filters, isThere) in [
      (nil, true), (#"{"reference":{"ho*":true}}"#, true), (#"{"reference":["b*"]}"#, false),
      (#"{"dangling":["true"]}"#, false), (#"{"dangling":["false"]}"#, true), (#"{"label":["a"]}"#, false),
    ] as [(String?, Bool)] {
      guard case .array(let list) = try image.list(filters: filters, containers: 0) else {
        return #expect(Bool(false))
      }
      #expect(list.count == (isThere ? 1 : 0), "\(filters ?? "")")
    }
    #expect(throws: APIError.self) { try image.list(filters: #"{"size":["1"]}"#, containers: 0) }
    guard case .array(let history) = image.history else { return #expect(Bool(false)) }
    #expect(history.first?["Created"] == .integer(5))
  }

  @Test("There are the networks none and host")
  func networks() throws {
    guard case .array(let all) = try NetworkDocument.list(filters: nil) else { return #expect(Bool(false)) }
    #expect(all.map { $0["Name"] } == [.string("none"), .string("host")])
    #expect(try NetworkDocument.list(filters: #"{"driver":["host"]}"#) == .array([all[1]]))
    #expect(try NetworkDocument.inspection("none") == all[0])
    #expect(throws: APIError.notFound("network mine not found")) { try NetworkDocument.inspection("mine") }
  }

  @Test("The disk's use has the list and the image")
  func diskUsage() {
    let json = EngineFacts.diskUsage([.null], image: HostImage(created: 0, architecture: "amd64"))
    #expect(json["Containers"] == .array([.null]) && json["Volumes"] == .array([]))
  }

  @Test("Of what ps prints, only the container's processes are told")
  func processes() throws {
    let output = """
      UID          PID CMD
      root           1 init
      root          42 sleep 10  20

      """
    let json = try #require(ContainerResponse.processes(ps: output, pids: [42]))
    #expect(json["Titles"] == .texts(["UID", "PID", "CMD"]))
    #expect(json["Processes"] == .array([.texts(["root", "42", "sleep 10  20"])]))
    #expect(ContainerResponse.processes(ps: "CMD\nsleep", pids: [42]) == nil)
  }

  @Test("The short answers are those of the description")
  func responses() throws {
    #expect(ContainerResponse.created("a") == (try JSON(text: #"{"Id":"a","Warnings":[]}"#)))
    #expect(ContainerResponse.waited(3) == (try JSON(text: #"{"StatusCode":3,"Error":null}"#)))
    #expect(ContainerResponse.waited(3, error: "e")["Error", "Message"] == .string("e"))
    #expect(ContainerResponse.changes([]) == .null)
    #expect(
      ContainerResponse.changes([("/etc/a", .added)])
        == (try JSON(text: #"[{"Path":"/etc/a","Kind":1}]"#)))
    #expect(APIError.notFound("x").json == (try JSON(text: #"{"message":"x"}"#)))
  }
}

@Suite("Programs executed in a container")
struct ExecDocumentTests {
  @Test("What real clients send is understood", arguments: ["docker-20.10", "docker-28.2"])
  func requests(client: String) throws {
    let plain = try ExecRequest(recorded("\(client)-exec"))
    #expect(plain.command == ["ls"] && plain.output && plain.error && !plain.input && plain.user == nil)
    let detached = try ExecRequest(recorded("\(client)-exec-detached"))
    #expect(detached.user == "1" && detached.isPrivileged && detached.workingDirectory == "/tmp")
    #expect(detached.environment.variables == ["A=1"] && !detached.output)
    #expect(try ExecRequest(recorded("python-7.2-exec")).command == ["ls", "-l"])
    let start = try ExecStartRequest(JSON(text: #"{"Detach":true,"Tty":false}"#))
    #expect(start.isDetached && !start.hasTerminal)
  }

  @Test(
    "Other requests are refused",
    arguments: ["{}", #"{"Cmd":[""]}"#, #"{"Cmd":["a"],"WorkingDir":"b"}"#, "7"])
  func refused(text: String) {
    #expect(throws: APIError.self) { try ExecRequest(JSON(text: text)) }
  }

  @Test("A status is there when it has ended")
  func inspection() throws {
    let request = try ExecRequest(JSON(text: #"{"Cmd":["sh","-c","x"],"User":"1"}"#))
    func json(_ state: ExecInspection.State) -> JSON {
      ExecInspection(id: "e", containerID: "c", request: request, state: state).json
    }
    #expect(json(.created)["ExitCode"] == .null && json(.created)["Running"] == .bool(false))
    #expect(json(.running(pid: 7))["Pid"] == .integer(7) && json(.running(pid: 7))["Running"] == .bool(true))
    #expect(json(.exited(2))["ExitCode"] == .integer(2))
    #expect(json(.created)["ProcessConfig", "arguments"] == .texts(["-c", "x"]))
  }
}

@Suite("Events")
struct EventTests {
  func wants(_ query: String, _ action: ContainerEvent.Action, at time: Int64 = 50) throws -> Bool {
    let query = try EventQuery(try Query(query), now: 100_000_000_000)
    return query.wants(ContainerEvent(action, of: status(.running), time: time * 1_000_000_000).message)
  }

  @Test("An event says what happened, to which container, and when")
  func document() {
    let died = ContainerEvent.Action.die(exitStatus: 3, started: 1, finished: 4_000_000_000)
    let message = ContainerEvent(died, of: status(.exited), time: 5_000_000_001).message
    let json = message.json
    #expect((try? EventMessage(json: json)) == message)
    #expect(json["Type"] == .string("container") && json["Action"] == .string("die"))
    #expect(json["Actor", "Attributes", "exitCode"] == .string("3"))
    #expect(json["Actor", "Attributes", "finishedAt"] == .string("1970-01-01T00:00:04.000000000Z"))
    #expect(json["Actor", "Attributes", "app"] == .string("shop"))
    #expect(json["Actor", "Attributes", "name"] == .string("web"))
    #expect(json["time"] == .integer(5) && json["timeNano"] == .integer(5_000_000_001))
    let executed = ContainerEvent.Action.execStart(id: "e", command: ["ls", "/"])
    let line = ContainerEvent(executed, of: status(.running), time: 0).message.line
    #expect(line.last == 10 && line.filter { $0 == 10 }.count == 1)
  }

  @Test("A change that follows the load is an update, which says what, from what to what, and why")
  func adaptation() throws {
    let change = ContainerEvent.Adaptation(resource: .memoryLimit, from: 64, to: 80, reason: "it needs it")
    let json = ContainerEvent(.adapt(change), of: status(.running), time: 0).message.json
    #expect(json["Action"] == .string("update"))
    for (name, value) in [
      ("resource", "memory.max"), ("from", "64"), ("to", "80"), ("reason", "it needs it"),
    ] {
      #expect(json["Actor", "Attributes", name] == .string(value))
    }
    #expect(try wants(#"filters={"event":["update"]}"#, .adapt(change)))
  }

  @Test("Actions are called what Docker calls them")
  func names() {
    #expect(ContainerEvent.Action.execCreate(id: "e", command: ["ls", "-l"]).name == "exec_create: ls -l")
    #expect(ContainerEvent.Action.health(.unhealthy).name == "health_status: unhealthy")
    #expect(ContainerEvent.Action.outOfMemory.name == "oom")
    #expect(ContainerEvent.Action.kill(.terminate).attributes["signal"] == "15")
    #expect(ContainerEvent.Action.rename(from: "old").attributes["oldName"] == "/old")
  }

  @Test("A client is told of what it asked for")
  func filters() throws {
    #expect(try wants("", .start))
    #expect(try wants("since=40&until=60", .start))
    #expect(try !wants("since=51", .start))
    #expect(try !wants("until=49.5", .start))
    for (filters, isWanted) in [
      (#"{"type":["container"]}"#, true), (#"{"type":["image"]}"#, false), (#"{"event":["start"]}"#, true),
      (#"{"event":["die","stop"]}"#, false), (#"{"container":["web"]}"#, true),
      (#"{"container":["aa"]}"#, true), (#"{"container":["we"]}"#, false), (#"{"label":["app=shop"]}"#, true),
      (#"{"label":["app=home"]}"#, false), (#"{"image":["host"]}"#, true), (#"{"volume":["v"]}"#, false),
    ] {
      let encoded = filters.utf8.map { "%" + String($0, radix: 16) }.joined()
      #expect(try wants("filters=\(encoded)", .start) == isWanted, "\(filters)")
    }
    let health = "filters=%7B%22event%22%3A%5B%22health_status%22%5D%7D"
    #expect(try wants(health, .health(.healthy)))
    #expect(throws: APIError.self) { try wants("filters=%7B%22color%22%3A%5B%5D%7D", .start) }
  }
}

@Suite("Statistics of a container")
struct StatisticsTests {
  @Test("They are what was counted, and what the client was told before")
  func document() throws {
    var before = ContainerStatistics(time: 1_000_000_000)
    before.processors.total = 5
    var statistics = ContainerStatistics(time: 2_000_000_000)
    statistics.processors.total = 7
    statistics.memory = 4096
    statistics.memoryDetails = ["inactive_file": 96]
    statistics.tasks = 3
    statistics.devices = [.init(major: 8, minor: 0, read: 1, written: 2)]
    let json = statistics.json(of: status(.running), previous: before)
    #expect(json["read"] == .string("1970-01-01T00:00:02.000000000Z"))
    #expect(json["cpu_stats", "cpu_usage", "total_usage"] == .integer(7))
    #expect(json["precpu_stats", "cpu_usage", "total_usage"] == .integer(5))
    #expect(json["memory_stats", "stats", "inactive_file"] == .integer(96))
    #expect(json["pids_stats", "current"] == .integer(3) && json["pids_stats", "limit"] == nil)
    guard case .array(let io)? = json["blkio_stats", "io_service_bytes_recursive"] else {
      return #expect(Bool(false))
    }
    #expect(io.map { $0["value"] } == [.integer(1), .integer(2)])
    #expect(
      statistics.json(of: status(.running), previous: nil)["preread"] == .string("0001-01-01T00:00:00Z"))
  }
}

@Suite("What is told of a file in a container")
struct PathStatusTests {
  @Test(
    "Base64 is that of the standard",
    arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
  func base64(text: String, encoded: String) { #expect(PathStatus.base64(Array(text.utf8)) == encoded) }

  @Test("Types are those of Go")
  func mode() throws {
    for (mode, expected) in [
      (0o100644, 0o644), (0o040755, 1 << 31 | 0o755), (0o120777, 1 << 27 | 0o777),
      (0o104755, 1 << 23 | 0o755),
      (0o041777, 1 << 31 | 1 << 20 | 0o777), (0o020620, 1 << 26 | 1 << 21 | 0o620),
    ] as [(UInt32, UInt32)] {
      let status = PathStatus(name: "n", size: 1, mode: mode, modified: 0, linkTarget: "")
      let json = JSON.members([
        "name": .string("n"), "size": .integer(1), "mode": JSON(expected),
        "mtime": .string("1970-01-01T00:00:00.000000000Z"), "linkTarget": .string(""),
      ])
      #expect(status.headerValue == PathStatus.base64(json.bytes()))
    }
  }
}
