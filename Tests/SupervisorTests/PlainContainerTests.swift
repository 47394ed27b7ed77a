import Definitions
import Glibc
import Layers
import Linux
import OCI
import Testing

@testable import Container
@testable import Supervisor

private let boot = "0f6bf5a5-5ef0-4b0c-a5a5-000000000001"

private func identity(_ change: (inout PlainIdentity) -> Void = { _ in }) -> PlainIdentity {
  var identity = PlainIdentity(
    name: "web", boot: boot, created: 1_700_000_000_123_456_789, pid: 4711, startTime: 99)
  change(&identity)
  return identity
}

@Suite("The id of a container that was made without the supervisor")
struct PlainIdentityTests {
  @Test("It is 64 hexadecimal digits, the same in every version of the program")
  func same() {
    #expect(identity().id == identity().id)
    #expect(identity().id == Self.known, "\(identity().id)")
    #expect(ContainerReference(identity().id).mayBeID)
  }

  private static let known = "b6f0ac6e19a1d7dc818dfa1f09733b2f032e5463c62a37be8277f8b9f0ca60ea"

  @Test("Another name, boot, time or process makes it another in every part")
  func different() {
    let others = [
      identity { $0.name = "wec" }, identity { $0.name = "web\u{0}" }, identity { $0.name = "" },
      identity { $0.name = "web-with-a-long-name" }, identity { $0.boot.removeLast() },
      identity { $0.created += 1 }, identity { $0.pid += 1 }, identity { $0.startTime += 1 },
      identity {
        $0.pid = 99
        $0.startTime = 4711
      },
    ].map(\.id)
    #expect(Set(others + [identity().id]).count == others.count + 1)
    for other in others {
      #expect(other.count == 64)
      for part in 0..<4 {
        #expect(other.dropFirst(part * 16).prefix(16) != identity().id.dropFirst(part * 16).prefix(16))
      }
    }
  }

  @Test("Short beginnings of many tell them apart as well as chance would")
  func spread() {
    let beginnings = (0..<4096).map { number in identity { $0.created += Int64(number) }.id.prefix(6) }
    // Of 4,096 among 16,777,216, half a pair is to be expected.
    #expect(Set(beginnings).count >= 4092)
  }

  @Test(
    "What may be an id has none but hexadecimal digits",
    arguments: [("a0", true), ("web", false), ("", false), ("A0", false), ("0-", false)])
  func references(text: String, isOne: Bool) { #expect(ContainerReference(text).mayBeID == isOne) }
}

@Suite("What is told of a container that was made without the supervisor")
struct PlainContainerTests {
  private func record(_ more: String = "", namespaces: Namespaces = [.mount, .pid]) throws -> Record {
    let text = """
      {"id":"web","ociVersion":"1.0.2","bundle":"/b","root":"/b/r","pid":4711,"startTime":9,
      "created":1000,"namespaces":\(namespaces.rawValue)\(more)}
      """
    return try Record(parsing: Array(text.utf8))
  }

  private func config(_ members: String = "") throws -> RuntimeConfig {
    let text = """
      {"ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": true}, \(members)
      "process": {"args": ["/bin/httpd", "-f"], "env": ["PATH=/bin", "A=b=c"], "cwd": "/srv", "terminal": true,
        "user": {"uid": 5, "gid": 6}, "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 9, "soft": 8}],
        "capabilities": {"bounding": ["CAP_SYS_ADMIN"]}}}
      """
    return try RuntimeConfig(parsing: Array(text.utf8))
  }

  private func status(
    _ record: Record, _ config: RuntimeConfig?, _ now: Container.Status = .running, changed: Int64? = 2000
  ) -> PartitionStatus {
    PlainContainer.status(
      record, config, id: identity().id, now, changed: changed, hostname: "machine")
  }

  private func settings(_ status: PartitionStatus) -> PartitionSettings {
    ContainerDocument(status).settings
  }

  @Test("Its command, environment, labels and the like are those of its record and configuration")
  func definition() throws {
    let record = try record(#","annotations":{"tier":"x","org.opencontainers.image.stopSignal":"SIGUSR1"}"#)
    let status = status(record, try config(#""hostname": "inside","#))
    let settings = settings(status)
    #expect(status.definition.name == "web" && status.definition.labels["tier"] == "x")
    #expect(status.definition.stopSignal == Signal("USR1") && status.definition.restart == .no)
    #expect(settings.command == ["/bin/httpd", "-f"] && settings.workingDirectory == "/srv")
    #expect(settings.environment.variables == ["PATH=/bin", "A=b=c"])
    #expect(settings.hostname == "inside" && settings.user == "5:6" && settings.hasTerminal)
    #expect(settings.isReadOnly && settings.resourceLimits.count == 1)
    #expect(settings.capabilities.added == ["CAP_SYS_ADMIN"])
    #expect(settings.capabilities.dropped.contains("CAP_CHOWN"))
    let document = ContainerDocument(status)
    #expect(document.image == "host" && document.command == ["/bin/httpd", "-f"])
  }

  @Test("Without a name of its own it has the host's; without a configuration, that of its directory alone")
  func little() throws {
    #expect(settings(status(try record(), try config())).hostname == "machine")
    let status = status(try record(), nil)
    #expect(status.definition.name == "web" && ContainerDocument(status).command.isEmpty)
  }

  @Test("What it shows of the host and has in memory is what somebody has asked for")
  func mounts() throws {
    let base = #"{"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "rro"]},"#
    let mounts = """
      "mounts": [\(base) {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm"},
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["mode=700"]},
        {"destination": "/data", "source": "data", "options": ["bind", "ro"]},
        {"destination": "/run/swiftjail-init", "type": "bind", "source": "/sbin/swiftjail", "options": ["bind"]}],
      """
    let bundle = settings(status(try record(), try config(mounts)))
    #expect(bundle.volumes.map(\.source) == ["/usr", "/b/data"] && bundle.volumes.allSatisfy(\.isReadOnly))
    #expect(bundle.temporaryDirectories.map(\.destination) == ["/run"])
    #expect(bundle.temporaryDirectories.map(\.options) == [["mode=700"]])
    #expect(bundle.initProgram == "/sbin/swiftjail")
    let partition = #""annotations": {"org.swiftjail.base": "host"},"#
    let settings = settings(status(try record(), try config(partition + mounts)))
    #expect(settings.volumes.map(\.destination) == ["/data"])
  }

  @Test("Its network is the host's, one of its own, or one that it has joined")
  func network() throws {
    func mode(_ namespaces: Namespaces, _ members: String = "") throws -> String {
      ContainerDocument(status(try record(namespaces: namespaces), try config(members))).networkMode
    }
    #expect(try mode([.mount]) == "host")
    #expect(try mode([.mount, .network], #""linux": {"namespaces": [{"type": "network"}]},"#) == "none")
    let joined = #""linux": {"namespaces": [{"type": "network", "path": "/run/netns/a"}]},"#
    #expect(try mode([.mount, .network], joined) == "ns:/run/netns/a")
  }

  @Test("Its limits are told as Docker tells them")
  func limits() throws {
    let resources = """
      "linux": {"resources": {"memory": {"limit": 1048576, "swap": -1}, "pids": {"limit": 7},
        "cpu": {"quota": 50000, "period": 100000, "cpus": "0-1"}}},
      """
    let json = ContainerDocument(status(try record(), try config(resources))).inspection
    #expect(json["HostConfig", "Memory"] == .integer(1 << 20))
    #expect(json["HostConfig", "MemorySwap"] == .integer(-1))
    #expect(json["HostConfig", "NanoCpus"] == .integer(500_000_000))
    #expect(json["HostConfig", "PidsLimit"] == .integer(7))
    #expect(json["HostConfig", "CpusetCpus"] == .string("0-1"))
  }

  @Test("Numbers that no limit can be are no reason to end", arguments: [Int64.max, 0, -5])
  func strangeLimits(number: Int64) throws {
    let resources = """
      "linux": {"resources": {"memory": {"limit": \(number), "swap": \(number)},
        "cpu": {"quota": \(number), "period": 0, "shares": 18446744073709551615}}},
      """
    let json = ContainerDocument(status(try record(), try config(resources))).inspection
    #expect(json["Name"] == .string("/web"))
  }

  @Test("It is created, running, paused or exited")
  func states() throws {
    let (record, config) = (try record(), try config())
    let created = status(record, config, .created)
    #expect(created.state == .created && created.started == nil && created.pid == 4711)
    let running = status(record, config)
    #expect(running.state == .running && running.started == 2000 && running.pid == 4711)
    #expect(status(record, config, changed: nil).started == 1000)
    #expect(status(record, config, .paused).state == .paused)
    let ended = status(record, config, .stopped)
    #expect(ended.state == .exited && ended.pid == nil && ended.exitStatus == nil)
    #expect(ended.text(now: 9000) == "Exited")
  }

  @Test("Nothing is claimed about its restart, its log and its end that nobody knows")
  func claims() throws {
    let json = ContainerDocument(status(try record(), try config(), .stopped)).inspection
    #expect(json["HostConfig", "LogConfig", "Type"] == .string("none"))
    #expect(json["HostConfig", "RestartPolicy", "Name"] == .string("no"))
    #expect(json["HostConfig", "PidMode"] == .string("") && json["HostConfig", "IpcMode"] == .string("host"))
    #expect(json["HostConfig", "MaskedPaths"] == .null)
    #expect(json["Config", "AttachStdout"] == .bool(false))
    #expect(json["State", "ExitCode"] == .integer(255))
    guard case .string(let error) = json["State", "Error"] else {
      Issue.record("no word on its end")
      return
    }
    #expect(error.hasPrefix("web was made without the supervisor"))
  }

  @Test("The list's filters hold for it")
  func filters() throws {
    let status = status(try record(#","annotations":{"tier":"x"}"#), try config(), .stopped)
    func isListed(_ filters: String) throws -> Bool {
      let target = "/containers/json?all=1&filters=\(filters)"
      guard case .listContainers(let list) = try Endpoint(method: "GET", target: target) else { return false }
      return try !list.select([status]).isEmpty
    }
    #expect(try isListed("{%22label%22:[%22tier=x%22],%22name%22:[%22^web%22],%22status%22:[%22exited%22]}"))
    #expect(try !isListed("{%22label%22:[%22tier=y%22]}"))
    // Nobody knows how it ended; it is told as 255.
    #expect(try !isListed("{%22exited%22:[%220%22]}") && isListed("{%22exited%22:[%22255%22]}"))
  }

  @Test(
    "What cannot be done says why, and what can be done is not refused",
    arguments: [
      ("GET", "/containers/a/logs?stdout=1", "has not kept what it wrote"),
      ("POST", "/containers/a/attach", "exec"), ("POST", "/containers/a/restart", "as it was made"),
      ("POST", "/containers/a/rename?name=bb", "another name"), ("POST", "/containers/a/update", "limits"),
      ("POST", "/containers/a/resize?h=1&w=1", "terminal"), ("GET", "/containers/a/changes", "made of"),
      ("GET", "/containers/a/archive?path=/", "exec"), ("PUT", "/containers/a/archive?path=/", "exec"),
      ("POST", "/containers/a/stop", nil), ("POST", "/containers/a/kill", nil),
      ("DELETE", "/containers/a", nil), ("POST", "/containers/a/pause", nil),
      ("POST", "/containers/a/start", nil),
    ] as [(String, String, String?)])
  func refusals(method: String, target: String, words: String?) throws {
    let endpoint = try Endpoint(method: method, target: target)
    #expect(endpoint.container == ContainerReference("a"))
    let reason = APIService.refusal(of: endpoint)
    if let words {
      #expect(reason?.contains { $0 == "\n" } == false)
      #expect(reason.map { APIText.contains(words, $0) } == true, "\(reason ?? "")")
    } else {
      #expect(reason == nil)
    }
  }

  @Test("What a supervisor has made is its own, also when an older one has")
  func owners() throws {
    let store = ContainerStore(path: "/x")
    #expect(try record(#","supervised":true"#).isOwn(in: store))
    #expect(try !record().isOwn(in: store))
    var older = try record()
    older.bundle = "/x/.partitions/web"
    #expect(older.isOwn(in: store))
    older.ownedDirectory = older.bundle
    #expect(!older.isOwn(in: store))
    let made = try record(#","supervised":true"#)
    #expect(try Record(parsing: made.json.bytes()) == made)
  }
}

@Suite("The end of a process")
struct ProcessEndTests {
  /// A shell that waits for its input to end, then ends with 7.
  private struct Child: ~Copyable {
    let pid: Int32
    let input: FileDescriptor

    init() throws {
      let ends = try FileDescriptor.pipe()
      let source = ends.read
      var actions = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&actions)
      posix_spawn_file_actions_adddup2(&actions, source.rawValue, 0)
      var arguments: [UnsafeMutablePointer<CChar>?] = [
        strdup("/bin/sh"), strdup("-c"), strdup("read l; exit 7"),
      ]
      arguments.append(nil)
      var pid: pid_t = 0
      let code = posix_spawn(&pid, "/bin/sh", &actions, nil, arguments, nil)
      posix_spawn_file_actions_destroy(&actions)
      for argument in arguments { free(argument) }
      guard code == 0 else { throw Errno.ioError }
      self.pid = pid
      input = ends.write
    }
  }

  @Test("It is told when it comes, and its status when the parent has asked for that")
  func told() throws {
    let loop = try EventLoop()
    let child = try Child()
    let pid = child.pid
    var ends = 0
    var status: Linux.ExitStatus?
    _ = try ProcessEnd.wait(for: try Pidfd(of: pid), loop) { _ in ends += 1 }
    _ = try ProcessEnd.wait(for: try Pidfd(of: pid), loop, wantsStatus: true) {
      status = $0
      ends += 1
    }
    let other = try Pidfd(of: pid)
    try loop.turn(longest: 0)
    #expect(ends == 0)
    try child.input.writeAll([UInt8(ascii: "\n")])
    while ends == 0 { try loop.turn(longest: 1000) }
    // The kernel may not tell the status at all.
    guard (try? other.endStatus()) != nil else { return }
    try loop.turn(longest: 0)
    #expect(ends == 1)
    var code: Int32 = 0
    #expect(waitpid(pid, &code, 0) == pid)
    while ends == 1 { try loop.turn(longest: 1000) }
    if let known = try? other.endStatus() { #expect(known == .exited(7) && status == known) }
  }

  @Test("Who cancels hears nothing")
  func cancelled() throws {
    let loop = try EventLoop()
    let child = try Child()
    var ends = 0
    let end = try ProcessEnd.wait(for: try Pidfd(of: child.pid), loop) { _ in ends += 1 }
    _ = try ProcessEnd.wait(for: try Pidfd(of: child.pid), loop) { _ in ends += 10 }
    end.cancel()
    end.kill()
    while ends == 0 { try loop.turn(longest: 1000) }
    #expect(ends == 10)
    waitpid(child.pid, nil, 0)
    _ = child.input.rawValue
  }
}
