import Layers
import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

private let second: Int64 = 1_000_000_000
private let now: Int64 = 1_700_000_000 * second
private let id = String(repeating: "0123456789abcdef", count: 4)

/// A partition made a day ago, in a state that began so many seconds ago.
private func partition(
  _ state: PartitionStatus.State, since seconds: Int64 = 300,
  _ change: (inout PartitionStatus) -> Void = { _ in }
) -> PartitionStatus {
  let definition = PartitionDefinition(name: "web", content: .partition(PartitionSettings(base: .host)))
  var status = PartitionStatus(definition, id: id, created: now - 86_400 * second)
  status.state = state
  switch state {
  case .created: break
  case .running, .paused:
    status.started = now - seconds * second
    status.pid = 42
  case .restarting, .exited, .crashLoop, .removing, .dead:
    status.started = now - (seconds + 10) * second
    status.finished = now - seconds * second
    status.exitStatus = 137
  }
  change(&status)
  return status
}

@Suite("What a container does, in words")
struct StatusTextTests {
  @Test("An end that nobody saw is no success, and what has not ended is no failure")
  func unseenEnd() {
    for state in [PartitionStatus.State.exited, .restarting, .crashLoop, .removing, .dead] {
      let unseen = partition(state) { $0.exitStatus = nil }
      #expect(unseen.shellStatus == 255)
      #expect(ContainerDocument(unseen).inspection["State", "ExitCode"] == .integer(255))
    }
    #expect(partition(.exited) { $0.exitStatus = nil }.text(now: now) == "Exited (255) 5 minutes ago")
    for state in [PartitionStatus.State.created, .running, .paused] {
      #expect(partition(state).shellStatus == 0)
    }
    let neverStarted = partition(.exited) {
      $0.exitStatus = nil
      $0.started = nil
    }
    #expect(neverStarted.shellStatus == 0)
  }

  @Test("The words are Docker's")
  func words() {
    #expect(partition(.created).text(now: now) == "Created")
    #expect(partition(.running).text(now: now) == "Up 5 minutes")
    #expect(partition(.running) { $0.health = .healthy }.text(now: now) == "Up 5 minutes (healthy)")
    #expect(partition(.running) { $0.health = .starting }.text(now: now) == "Up 5 minutes (health: starting)")
    #expect(partition(.running) { $0.health = .unhealthy }.text(now: now) == "Up 5 minutes (unhealthy)")
    #expect(partition(.paused).text(now: now) == "Up 5 minutes (Paused)")
    #expect(
      partition(.restarting, since: 3) { $0.exitStatus = 1 }.text(now: now) == "Restarting (1) 3 seconds ago")
    #expect(partition(.exited, since: 7200).text(now: now) == "Exited (137) 2 hours ago")
    #expect(partition(.crashLoop, since: 61).text(now: now) == "Exited (137) About a minute ago (crash loop)")
    #expect(partition(.removing).text(now: now) == "Removal In Progress")
  }

  @Test(
    "A span of time has one unit",
    arguments: [
      (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"),
      (120, "2 minutes"), (3599, "59 minutes"), (3600, "About an hour"), (5400, "2 hours"),
      (47 * 3600, "47 hours"), (48 * 3600, "2 days"), (13 * 86_400, "13 days"), (14 * 86_400, "2 weeks"),
      (61 * 86_400, "2 months"), (800 * 86_400, "2 years"),
    ] as [(Int64, String)])
  func span(seconds: Int64, text: String) { #expect(APIText.span(nanoseconds: seconds * second) == text) }
}

@Suite("The documents of a container")
struct ContainerDocumentTests {
  @Test("A line of the list has what the commands print")
  func summary() {
    var facts = ContainerFacts()
    facts.sizes = ContainerFacts.Sizes(written: 5, total: 70)
    let status = partition(.running) { $0.definition.labels = ["app": "web"] }
    let json = ContainerDocument(status, facts).summary(now: now)
    #expect(json["Id"] == .string(id))
    #expect(json["Names"] == .array([.string("/web")]))
    #expect(json["Image"] == .string("host"))
    #expect(json["Command"] == .string("/bin/sh"))
    #expect(json["Created"] == .integer(now / second - 86_400))
    #expect(json["State"] == .string("running"))
    #expect(json["Status"] == .string("Up 5 minutes"))
    #expect(json["Labels", "app"] == .string("web"))
    #expect(json["NetworkSettings", "Networks", "none", "IPAddress"] == .string(""))
    #expect(json["SizeRw"] == .integer(5) && json["SizeRootFs"] == .integer(70))
    #expect(ContainerDocument(status).summary(now: now)["SizeRw"] == nil)
  }

  @Test(
    "What was asked for is said again",
    arguments: ["docker-20.10-create-full", "docker-28.2-create-full", "python-7.2-create-full"])
  func roundTrip(name: String) throws {
    let body = try recorded(name)
    let request = try CreateRequest(body, name: "full", initProgram: "/i")
    var status = PartitionStatus(request.definition(named: ""), id: id, created: now)
    status.notes = try RequestNotes(json: request.notes.json)
    #expect(status.notes == request.notes)
    let json = ContainerDocument(status).inspection
    for key in [
      "AttachStdin", "AttachStdout", "AttachStderr", "Cmd", "Entrypoint", "Hostname", "Domainname", "User",
      "Tty", "OpenStdin", "StdinOnce", "Env", "Image", "WorkingDir",
      "Labels",
      "StopSignal",
    ] {
      #expect(json["Config", key] == body[key], "\(key)")
    }
    for key in [
      "Memory", "NanoCpus", "CpuShares", "CpusetCpus", "PidsLimit", "NetworkMode", "RestartPolicy", "CapAdd",
      "CapDrop", "Privileged", "ReadonlyRootfs", "Init", "Binds", "Tmpfs",
    ] {
      #expect(json["HostConfig", key] == body["HostConfig", key], "\(key)")
    }
    #expect(json["Path"] == .string("/bin/echo"))
    #expect(json["HostConfig", "LogConfig", "Config", "max-size"] == .string("1m"))
    if name.hasPrefix("docker") { #expect(json["HostConfig", "Mounts"] == body["HostConfig", "Mounts"]) }
    // What is said can be asked for again.
    guard case .object(var again)? = json["Config"] else { return #expect(Bool(false)) }
    again["HostConfig"] = json["HostConfig"]
    let second = try CreateRequest(.object(again), name: "full", initProgram: "/i")
    #expect(second.settings.memory == request.settings.memory)
    #expect(second.healthCheck == request.healthCheck)
    #expect(second.log == request.log)
    #expect(second.settings.command == request.settings.command)
  }

  @Test("What is said of a container without options can be asked for again")
  func plainAgain() throws {
    let json = ContainerDocument(partition(.created)).inspection
    guard case .object(var again)? = json["Config"] else { return #expect(Bool(false)) }
    again["HostConfig"] = json["HostConfig"]
    let request = try CreateRequest(.object(again), name: nil, initProgram: "/i")
    #expect(request.settings.command == ["/bin/sh"])
    guard case .object(var host)? = json["HostConfig"] else { return #expect(Bool(false)) }
    host["MaskedPaths"] = .texts(["/proc/kcore"])
    again["HostConfig"] = .object(host)
    #expect(throws: APIError.self) { try CreateRequest(.object(again), name: nil, initProgram: "/i") }
  }

  @Test("The state is what happened")
  func state() {
    let running = ContainerDocument(partition(.running)).inspection
    #expect(running["State", "Running"] == .bool(true) && running["State", "Pid"] == .integer(42))
    #expect(running["State", "FinishedAt"] == .string("0001-01-01T00:00:00Z"))
    #expect(running["State", "Health"] == nil)
    let again = ContainerDocument(partition(.running) { $0.exitStatus = 137 }).inspection
    #expect(again["State", "ExitCode"] == .integer(0))
    let restarting = ContainerDocument(partition(.restarting) { $0.exitStatus = 3 }).inspection
    #expect(restarting["State", "ExitCode"] == .integer(3))
    let paused = ContainerDocument(partition(.paused)).inspection
    #expect(paused["State", "Running"] == .bool(true) && paused["State", "Paused"] == .bool(true))
    let exited = ContainerDocument(
      partition(.exited) {
        $0.wasOutOfMemory = true
        $0.error = "no such file"
        $0.restarts = 4
      }
    ).inspection
    #expect(exited["State", "Status"] == .string("exited") && exited["State", "ExitCode"] == .integer(137))
    #expect(exited["State", "OOMKilled"] == .bool(true) && exited["State", "Pid"] == .integer(0))
    #expect(exited["State", "Error"] == .string("no such file"))
    #expect(exited["State", "FinishedAt"] == .string("2023-11-14T22:08:20.000000000Z"))
    #expect(exited["RestartCount"] == .integer(4))
    #expect(exited["ExecIDs"] == .null)
  }

  @Test("The health has its last checks")
  func health() {
    var facts = ContainerFacts()
    facts.failedChecks = 2
    facts.checks = [.init(start: now, end: now + second, exitStatus: 1, output: "down")]
    let json = ContainerDocument(partition(.running) { $0.health = .unhealthy }, facts).inspection
    #expect(json["State", "Health", "Status"] == .string("unhealthy"))
    #expect(json["State", "Health", "FailingStreak"] == .integer(2))
    guard case .array(let log)? = json["State", "Health", "Log"] else { return #expect(Bool(false)) }
    #expect(log.first?["ExitCode"] == .integer(1) && log.first?["Output"] == .string("down"))
  }

  @Test("Mounts tell what can be written to")
  func mounts() throws {
    var settings = PartitionSettings(base: .host)
    settings.volumes = [try Volume("/a:/b:ro,shared", relativeTo: "/"), try Volume("/c:/d", relativeTo: "/")]
    settings.temporaryDirectories = [try TemporaryDirectory("/t:size=1m")]
    let json = ContainerDocument(partition(.running) { $0.definition.content = .partition(settings) })
      .inspection
    guard case .array(let mounts)? = json["Mounts"], mounts.count == 2 else { return #expect(Bool(false)) }
    #expect(mounts[0]["RW"] == .bool(false) && mounts[0]["Propagation"] == .string("shared"))
    #expect(mounts[1]["RW"] == .bool(true) && mounts[1]["Source"] == .string("/c"))
    #expect(json["HostConfig", "Binds"] == .texts(["/a:/b:ro,shared", "/c:/d"]))
    #expect(json["HostConfig", "Tmpfs", "/t"] == .string("size=1m"))
  }

  @Test("What was asked for as one of the Mounts is told among them, also when it is in memory")
  func askedAsMounts() throws {
    let body = try JSON(
      text: #"""
        {"Image":"host","HostConfig":{"Binds":["/a:/b"],"Tmpfs":{"/t":""},
          "Mounts":[{"Type":"bind","Source":"/c","Target":"/d","BindOptions":{"Propagation":"rslave"}},
            {"Type":"tmpfs","Target":"/u"}]}}
        """#)
    let request = try CreateRequest(body, name: "web", initProgram: "/i")
    let json = ContainerDocument(
      partition(.created) {
        $0.definition = request.definition(named: "")
        $0.notes = request.notes
      }
    ).inspection
    #expect(json["HostConfig", "Mounts"] == body["HostConfig", "Mounts"])
    #expect(json["HostConfig", "Binds"] == .texts(["/a:/b"]))
    guard case .array(let mounts)? = json["Mounts"] else { return #expect(Bool(false)) }
    #expect(mounts.map { $0["Destination"] } == [.string("/b"), .string("/d"), .string("/u")])
  }

  @Test("Options of security are told as they were asked for")
  func securityOptions() throws {
    let body = try JSON(text: #"{"Image":"host","HostConfig":{"SecurityOpt":["no-new-privileges"]}}"#)
    let request = try CreateRequest(body, name: "web", initProgram: "/i")
    let json = ContainerDocument(partition(.created) { $0.notes = request.notes }).inspection
    #expect(json["HostConfig", "SecurityOpt"] == .texts(["no-new-privileges"]))
  }

  @Test("A bundle is its own image")
  func bundle() {
    var facts = ContainerFacts()
    facts.command = ["sleep", "1"]
    let status = partition(.running) { $0.definition.content = .bundle("/srv/b") }
    let json = ContainerDocument(status, facts).inspection
    #expect(json["Config", "Image"] == .string("/srv/b"))
    #expect(json["Path"] == .string("sleep") && json["Args"] == .texts(["1"]))
  }

  @Test(
    "Shares that were asked for come back, as far as weights can tell them", arguments: [2, 512, 1024, 2048])
  func shares(shares: Int) throws {
    let body = try JSON(text: #"{"Image":"host","HostConfig":{"CpuShares":\#(shares)}}"#)
    let request = try CreateRequest(body, name: nil, initProgram: "/i")
    let status = PartitionStatus(request.definition(named: "x"), id: id, created: now)
    #expect(ContainerDocument(status).inspection["HostConfig", "CpuShares"] == JSON(shares))
  }
}

@Suite("Lists of containers")
struct ContainerListTests {
  let partitions: [PartitionStatus] = [
    ("one", PartitionStatus.State.running), ("two", .exited), ("three", .created), ("four", .paused),
  ].enumerated().map { (index, made) in
    partition(made.1) {
      $0.definition.name = made.0
      $0.definition.labels = ["n": String(index), "all": ""]
      $0.id = String(repeating: ["a", "b", "c", "d"][index], count: 64)
      $0.created = now - Int64(100 - index) * second
      if made.0 == "one" { $0.health = .healthy }
    }
  }

  func names(_ query: String) throws -> [String] {
    try ContainerList(try Query(query)).select(partitions).map(\.definition.name)
  }

  func names(filters: String) throws -> [String] {
    let encoded = filters.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return try names("all=1&filters=\(encoded)")
  }

  @Test("Without parameters those that run, the newest first")
  func plain() throws {
    #expect(try names("") == ["four", "one"])
    #expect(try names("limit=-1&all=1&size=0&trunc_cmd=0") == ["four", "three", "two", "one"])
    #expect(try names("limit=2") == ["four", "three"])
  }

  @Test(
    "Filters are met one by one; of one filter's values one is enough, but of labels all are needed",
    arguments: [
      (#"{"status":["exited","paused"]}"#, ["four", "two"]), (#"{"status":{"exited":true}}"#, ["two"]),
      (#"{"name":["o"]}"#, ["four", "two", "one"]), (#"{"name":["^/o"]}"#, ["one"]),
      (#"{"name":["^one$"]}"#, ["one"]), (#"{"id":["bbb"]}"#, ["two"]),
      (#"{"label":["all","n=2"]}"#, ["three"]),
      (#"{"label":["n=1","n=2"]}"#, []), (#"{"label":["all"],"name":["two"]}"#, ["two"]),
      (#"{"ancestor":["host"]}"#, ["four", "three", "two", "one"]), (#"{"ancestor":["busybox"]}"#, []),
      (#"{"health":["healthy"]}"#, ["one"]), (#"{"health":["none"]}"#, ["four", "three", "two"]),
      (#"{"exited":["137"]}"#, ["two"]), (#"{"before":["three"]}"#, ["two", "one"]),
      (#"{"since":["two"]}"#, ["four", "three"]), (#"{"publish":["80"]}"#, []),
      (#"{"network":["none"]}"#, ["four", "three", "two", "one"]), (#"{"volume":["/v"]}"#, []),
    ])
  func filters(text: String, expected: [String]) throws { #expect(try names(filters: text) == expected) }

  @Test("A container that a filter names must be there")
  func missing() {
    #expect(throws: APIError.self) { try names(filters: #"{"since":["nobody"]}"#) }
  }

  @Test("A pattern that is not understood is refused")
  func pattern() {
    for text in [#"{"name":["o|t"]}"#, #"{"name":["^/?one$"]}"#, #"{"id":["[ab]"]}"#] {
      #expect(throws: APIError.self) { try names(filters: text) }
    }
  }

  @Test("What has ended is pruned, when it is old enough and not spared by its labels")
  func prune() throws {
    func pruned(_ filters: String) throws -> [String] {
      let encoded = filters.utf8.map { "%" + String($0, radix: 16) }.joined()
      return try ContainerPrune(try Query("filters=\(encoded)")).select(partitions, now: now)
        .map(\.definition.name)
    }
    #expect(try ContainerPrune(try Query("")).select(partitions, now: now).count == 2)
    #expect(try pruned(#"{"until":{"1h":true}}"#) == [])
    #expect(try pruned(#"{"until":["99s"]}"#) == ["two"])
    #expect(try pruned(#"{"label":["n=2"]}"#) == ["three"])
    #expect(try pruned(#"{"label!":["n=2"]}"#) == ["two"])
    #expect(throws: APIError.self) { try pruned(#"{"until":["soon"]}"#) }
    let response = ContainerPrune.response(removed: ["a"], bytes: 3)
    #expect(response == (try JSON(text: #"{"ContainersDeleted":["a"],"SpaceReclaimed":3}"#)))
  }
}
