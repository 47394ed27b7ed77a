import Layers
import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

/// What `text` defines, as one definition of the file `web.json` in `/defs`.
func definition(_ text: String) throws(ConfigError) -> PartitionDefinition {
  let json = try JSON(parsing: Array(text.utf8), orFail: ())
  return try PartitionDefinition(
    json: json, in: .init(name: "web", directory: "/defs", initProgram: "/swiftjail"))
}

extension JSON {
  fileprivate init(parsing bytes: [UInt8], orFail: Void) throws(ConfigError) {
    do throws(JSONError) { self = try JSON(parsing: bytes) } catch {
      throw ConfigError(path: "", reason: "the test's own text: \(error)")
    }
  }
}

@Suite("A definition")
struct DefinitionTests {
  static let full = """
    {"name": "full", "image": "host", "command": ["sleep", "9"], "environment": {"A": "1", "B": 2},
     "memory": "64m", "memorySwap": "128m", "cpus": 1.5, "cpuWeight": 200, "cpusetCpus": "0-3,7",
     "pidsLimit": 50, "volumes": ["/a:/b:ro,nosuid", "./site:/site"], "tmpfs": ["/t:size=1m", "/u"],
     "network": "host", "readOnly": true, "workdir": "/srv", "user": "nobody:7", "groups": ["tty", "7"],
     "hostname": "h",
     "capAdd": ["net_admin"], "capDrop": ["ALL"], "privileged": true, "init": true, "tty": true,
     "terminalSize": {"height": 24, "width": 80}, "interactive": true, "restart": "on-failure:5",
     "restartDelay": {"initial": "0s", "longest": "2s", "forgottenAfter": "1m"},
     "healthCheck": {"command": ["true"], "interval": "1m30s", "timeout": "500ms", "startPeriod": "1h",
       "retries": 5},
     "stopSignal": "SIGINT", "stopTimeout": "3s", "after": ["db", "cache"], "labels": {"k": "v"},
     "log": {"maxSize": "1m", "maxFiles": 2}, "memoryReservation": "32m", "domainname": "nis",
     "shmSize": "8m", "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6}],
     "sysctls": {"kernel.msgmax": "9000"}, "oomScoreAdj": -7, "endInputOnce": true, "keyrings": true}
    """

  @Test("Every field reaches what it is for")
  func fields() throws {
    let full = try definition(Self.full)
    #expect(full.name == "full" && full.restart == .onFailure(most: 5) && full.closesInput)
    #expect(full.restartDelay.initial == 0 && full.restartDelay.longest == 2000)
    #expect(full.restartDelay.forgottenAfter == 60_000)
    #expect(full.healthCheck?.command == ["true"] && full.healthCheck?.interval == 90_000)
    #expect(full.healthCheck?.timeout == 500 && full.healthCheck?.startPeriod == 3_600_000)
    #expect(full.healthCheck?.retries == 5 && full.stopSignal.rawValue == 2 && full.stopTimeout == 3000)
    #expect(full.after == ["db", "cache"] && full.labels == ["k": "v"] && full.opensInput)
    #expect(full.log.size == 1 << 20 && full.log.files == 2 && !full.isRemovedAtEnd)
    guard case .partition(let settings) = full.content else {
      Issue.record("not a partition")
      return
    }
    #expect(settings.base == .host && settings.command == ["sleep", "9"])
    #expect(settings.environment.variables == ["A=1", "B=2"])
    #expect(settings.memory?.bytes == 64 << 20 && settings.microCPUs == 1_500_000)
    #expect(settings.memoryAndSwap == .total(ByteSize(bytes: 128 << 20)))
    #expect(settings.cpuWeight == 200 && settings.cpus == "0-3,7" && settings.pidsLimit == 50)
    #expect(settings.volumes.map(\.source) == ["/a", "/defs/./site"])
    #expect(settings.volumes.first?.options == ["rbind", "rro", "nosuid"])
    #expect(settings.temporaryDirectories.map(\.destination) == ["/t", "/u"])
    #expect(settings.network == .host && settings.isReadOnly && settings.workingDirectory == "/srv")
    #expect(settings.user == "nobody:7" && settings.hostname == "h" && settings.isPrivileged)
    #expect(settings.seesKeyrings && settings.groups == ["tty", "7"])
    #expect(settings.capabilities == CapabilityChoice(added: ["net_admin"], dropped: ["ALL"]))
    #expect(settings.initProgram == "/swiftjail" && settings.hasTerminal)
    #expect(settings.terminalSize == RuntimeConfig.ConsoleSize(height: 24, width: 80))
  }

  @Test(
    "What is written is read as the same",
    arguments: [
      full, #"{"image": "host"}"#, #"{"name": "b", "bundle": "./b"}"#,
      #"{"rootfs": "/r", "memory": 4096, "memorySwap": -1, "cpus": "0.05", "network": "none"}"#,
      #"{"image": "host", "removeAtEnd": true, "stopTimeout": "0s", "user": 7}"#,
      #"{"image": "host", "environment": ["A=x=y", "B="], "restart": "unless-stopped"}"#,
    ])
  func roundTrip(text: String) throws {
    let read = try definition(text)
    let again = try definition(read.json.text())
    #expect(again == read)
    #expect(again.json == read.json)
  }

  @Test("What is left out is as usual, and the name is the file's")
  func usual() throws {
    let web = try definition(#"{"image": "host", "command": null}"#)
    var settings = PartitionSettings(base: .host)
    settings.network = .standard
    #expect(web == PartitionDefinition(name: "web", content: .partition(settings)))
    #expect(web.json.text() == #"{"name":"web","image":"host"}"#)
  }

  @Test("A bundle's directory is looked for beside the file")
  func bundle() throws {
    #expect(try definition(#"{"bundle": "./b"}"#).content == .bundle("/defs/./b"))
    #expect(try definition(#"{"bundle": "/b"}"#).content == .bundle("/b"))
  }

  @Test("A name leaves room for the files that are called after it")
  func longName() throws {
    let longest = String(repeating: "n", count: 200)
    #expect(try definition(#"{"image": "host", "name": "\#(longest)"}"#).name == longest)
    expect(#"{"image": "host", "name": "\#(longest)n"}"#, "name", "201 bytes; 200 are the most")
  }

  @Test(
    "What is wrong is refused by its path",
    arguments: [
      ("[]", "", "must be an object"), ("{}", "", "image, rootfs and bundle"),
      (#"{"image": "alpine"}"#, "image", "host is the only image"), (#"{"image": 3}"#, "image", "host"),
      (#"{"image": "host", "rootfs": "/r"}"#, "rootfs", "image already"),
      (#"{"rootfs": "r"}"#, "rootfs", "absolute path"), (#"{"bundle": true}"#, "bundle", "absolute path"),
      (#"{"bundle": "/b", "memory": "1m"}"#, "memory", "config.json"),
      (#"{"bundle": "/b", "tty": true}"#, "tty", "config.json"),
      (#"{"image": "host", "mem_limit": "64m"}"#, "mem_limit", "no such field"),
      (#"{"image": "host", "replicas": 2}"#, "replicas", "no such field"),
      (#"{"image": "host", "a b": 1}"#, #"["a b"]"#, "no such field"),
      (#"{"image": "host", "name": "a/b"}"#, "name", "cannot name"),
      (#"{"image": "host", "name": ""}"#, "name", "empty"),
      (#"{"image": "host", "name": "-x"}"#, "name", "begin with -"),
      (#"{"image": "host", "name": 5}"#, "name", "a string"),
      (#"{"image": "host", "name": "swiftjaild.sock"}"#, "name", "socket"),
    ])
  func wrong(text: String, path: String, reason: String) { expect(text, path, reason) }

  @Test(
    "A field with a wrong value is refused by its path",
    arguments: [
      (#""command": "sleep 9""#, "command", "a list"), (#""command": [""]"#, "command", "program"),
      (#""command": ["a", 1]"#, "command[1]", "a string"),
      (#""command": ["a\u0000"]"#, "command[0]", "NUL"),
      (#""environment": "A=1""#, "environment", "an object, or a list"),
      (#""environment": ["A"]"#, "environment[0]", "NAME=VALUE"),
      (#""environment": ["A=1", "=1"]"#, "environment[1]", "NAME=VALUE"),
      (#""environment": {"A=B": "1"}"#, #"environment["A=B"]"#, "no name"),
      (#""environment": {"A": true}"#, "environment.A", "text or a whole number"),
      (#""environment": {"A": null}"#, "environment.A", "text or a whole number"),
      (#""rlimits": [{"type": "NOFILE", "soft": 1, "hard": 1}]"#, "rlimits[0].type", "RLIMIT_NOFILE"),
      (#""rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]"#, "rlimits[0].soft", "above"),
      (#""sysctls": {"kernel.pid_max": "1000"}"#, #"sysctls["kernel.pid_max"]"#, "change the host"),
      (
        #""network": "host", "sysctls": {"net.core.somaxconn": "1"}"#, #"sysctls["net.core.somaxconn"]"#,
        "needs a network namespace"
      ),
      (#""memory": "64x""#, "memory", "must be an amount such as 64m"),
      (#""memory": 0"#, "memory", "an amount"),
      (#""memory": -1"#, "memory", "an amount"), (#""memory": 1.5"#, "memory", "an amount"),
      (#""memory": {}"#, "memory", "an amount"),
      (#""memorySwap": "1g""#, "memorySwap", "memory is needed"),
      (#""memory": "1g", "memorySwap": "1m""#, "memorySwap", "less than memory"),
      (#""memorySwap": -2"#, "memorySwap", "an amount"),
      (#""cpus": 0"#, "cpus", "from 0.01"), (#""cpus": 0.001"#, "cpus", "from 0.01"),
      (#""cpus": "lots""#, "cpus", "from 0.01"), (#""cpus": 9000"#, "cpus", "from 0.01"),
      (#""oomScoreAdj": 1001"#, "oomScoreAdj", "from -1000"),
      (#""memory": "1m", "memoryReservation": "2m""#, "memoryReservation", "more than memory"),
      (#""cpuWeight": 0"#, "cpuWeight", "from 1 to 10000"),
      (#""cpuWeight": "x""#, "cpuWeight", "whole number"),
      (#""cpusetCpus": "3-1""#, "cpusetCpus", "a list of CPUs"),
      (#""pidsLimit": -2"#, "pidsLimit", "from -1"), (#""pidsLimit": 1.5"#, "pidsLimit", "whole number"),
      (#""volumes": "/a:/b""#, "volumes", "a list"),
      (#""volumes": ["/a:/b", "/a"]"#, "volumes[1]", "/a: must be"),
      (#""volumes": ["data:/b"]"#, "volumes[0]", "names are not supported"),
      (#""tmpfs": ["t"]"#, "tmpfs[0]", "absolute path"),
      (#""network": "bridge""#, "network", "none, host or default"),
      (#""readOnly": "yes""#, "readOnly", "true or false"),
      (#""workdir": "srv""#, "workdir", "absolute path"),
      (#""user": """#, "user", "USER"), (#""user": ":3""#, "user", "USER"),
      (#""user": "a:""#, "user", "USER"),
      (#""hostname": """#, "hostname", "1 to 64"), (#""groups": ["a", ""]"#, "groups[1]", "a name or"),
      (
        #""hostname": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#, "hostname",
        "1 to 64"
      ),
      (#""capAdd": ["FLY"]"#, "capAdd[0]", "no such capability"),
      (#""capDrop": ["ALL", "CAP_FLY"]"#, "capDrop[1]", "no such capability"),
      (#""init": 1"#, "init", "true or false"),
      (#""terminalSize": {"height": 1}"#, "terminalSize.width", "required"),
    ])
  func wrongSetting(field: String, path: String, reason: String) {
    expect(#"{"image": "host", \#(field)}"#, path, reason)
  }

  @Test(
    "How it is kept is refused by its path when it is wrong, for bundles as well",
    arguments: [
      (#""restart": "sometimes""#, "restart", "on-failure"),
      (#""restart": "on-failure:0""#, "restart", "on-failure"),
      (#""restart": "on-failure:+1""#, "restart", "on-failure"),
      (#""restart": "on-failure:""#, "restart", "on-failure"),
      (#""restart": true"#, "restart", "on-failure"), (#""restart": "always:3""#, "restart", "on-failure"),
      (#""restart": "always", "removeAtEnd": true"#, "removeAtEnd", "restart policy"),
      (#""restartDelay": "1s""#, "restartDelay", "an object"),
      (#""restartDelay": {"first": "1s"}"#, "restartDelay.first", "initial, longest"),
      (
        #""restartDelay": {"initial": "2s", "longest": "1s"}"#, "restartDelay.longest",
        "less than initial, 2s"
      ),
      (#""healthCheck": {}"#, "healthCheck.command", "required"),
      (#""healthCheck": {"command": []}"#, "healthCheck.command", "program"),
      (#""healthCheck": {"command": ["a"], "interval": "0s"}"#, "healthCheck.interval", "above 0"),
      (#""healthCheck": {"command": ["a"], "timeout": "soon"}"#, "healthCheck.timeout", "such as 10s"),
      (#""healthCheck": {"command": ["a"], "retries": 0}"#, "healthCheck.retries", "from 1"),
      (
        #""healthCheck": {"command": ["a"], "start_period": "1s"}"#, "healthCheck.start_period",
        "no such field"
      ),
      (#""stopSignal": "SIGNOTHING""#, "stopSignal", "SIGTERM"),
      (#""stopSignal": 65"#, "stopSignal", "SIGTERM"),
      (#""stopTimeout": 10"#, "stopTimeout", "length of time"),
      (#""stopTimeout": "-1s""#, "stopTimeout", "length"),
      (#""after": "db""#, "after", "a list"), (#""after": [1]"#, "after[0]", "a string"),
      (#""labels": ["a=b"]"#, "labels", "an object"), (#""labels": {"a": 1}"#, "labels.a", "a string"),
      (#""log": {"maxSize": "big"}"#, "log.maxSize", "an amount"),
      (#""log": {"maxFiles": 0}"#, "log.maxFiles", "from 1"),
      (#""log": {"driver": "x"}"#, "log.driver", "no such field"),
      (#""endInputOnce": 1"#, "endInputOnce", "must be"),
      (#""interactive": "no""#, "interactive", "true or false"),
    ])
  func wrongKeeping(field: String, path: String, reason: String) {
    expect(#"{"bundle": "/b", \#(field)}"#, path, reason)
  }

  private func expect(_ text: String, _ path: String, _ reason: String) {
    let error = #expect(throws: ConfigError.self, "\(text)") { try definition(text) }
    #expect(error?.path == path, "\(text): \(error?.description ?? "")")
    #expect(error?.reason.contains(reason) == true, "\(text): \(error?.description ?? "")")
  }

  @Test("The manual has every field, and no other")
  func manual() throws {
    let path = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
    let lines = try File.read("\(path)/man/swiftjail-partitions.5").split(separator: UInt8(ascii: "\n"))
    var told: Set<String> = []
    for line in lines.map({ String(decoding: $0, as: UTF8.self) }) where line.hasPrefix(".It Va ") {
      told.formUnion(line.split(separator: " ").map(String.init))
    }
    told.subtract([".It", "Va", ","])
    #expect(told == Set(PartitionDefinition.fields + ["replicas"]).subtracting(["terminalSize"]))
  }

  @Test(
    "A length of time is whole numbers with units, the larger first",
    arguments: [
      ("10s", 10_000), ("1m30s", 90_000), ("500ms", 500), ("1h", 3_600_000), ("2h3m4s5ms", 7_384_005),
      ("0s", 0), ("90s", 90_000),
    ] as [(String, Int64)])
  func duration(text: String, milliseconds: Int64) {
    #expect(DurationText.milliseconds(text) == milliseconds)
    #expect(DurationText.milliseconds(DurationText.text(milliseconds)) == milliseconds)
  }

  @Test(
    "What is no length of time is none",
    arguments: [
      "", "10", "s", "1.5s", "-1s", "+1s", "1s1m", "1s1s", "1 s", "1d", "9999999999h",
      "99999999999999999999s", "3000000000000h", "3153600000001ms",
      "876000h1ms", "1ms1s", "1S", "٣s",
    ])
  func noDuration(text: String) { #expect(DurationText.milliseconds(text) == nil) }
}
