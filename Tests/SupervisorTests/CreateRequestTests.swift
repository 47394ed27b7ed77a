import Layers
import Linux
import OCI
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("A request to make a container")
struct CreateRequestTests {
  func request(_ body: JSON, name: String? = nil) throws -> CreateRequest {
    try CreateRequest(body, name: name, initProgram: "/usr/bin/swiftjail")
  }

  func refusal(_ text: String) throws -> String? {
    let body = try JSON(text: text)
    return #expect(throws: APIError.self) { try request(body) }?.message
  }

  @Test(
    "Without options, it is a shell on the host's programs with nothing out of the ordinary",
    arguments: ["docker-20.10-create", "docker-28.2-create"])
  func plain(name: String) throws {
    let definition = try request(recorded(name)).definition(named: "brave_fox")
    var expected = PartitionSettings(base: .host)
    expected.network = .standard
    #expect(definition == PartitionDefinition(name: "brave_fox", content: .partition(expected)))
  }

  @Test(
    "The command is the one of the request",
    arguments: ["docker-20.10-run-detached", "docker-28.2-run-detached"])
  func command(name: String) throws {
    #expect(try request(recorded(name)).settings.command == ["sleep", "100"])
  }

  @Test(
    "A terminal and standard input are for whoever asks for them",
    arguments: ["docker-20.10-create-terminal", "docker-28.2-create-terminal"])
  func terminal(name: String) throws {
    let definition = try request(recorded(name), name: "web").definition(named: "other")
    #expect(definition.name == "web")
    #expect(definition.opensInput && definition.closesInput)
    guard case .partition(let settings) = definition.content else { return #expect(Bool(false)) }
    #expect(settings.hasTerminal)
  }

  @Test(
    "All that is offered is taken over", arguments: ["docker-20.10-create-full", "docker-28.2-create-full"])
  func full(name: String) throws {
    let definition = try request(recorded(name), name: "full").definition(named: "other")
    var settings = PartitionSettings(base: .host)
    settings.command = ["/bin/echo", "hello"]
    settings.memory = ByteSize(bytes: 64 << 20)
    settings.memoryAndSwap = .total(ByteSize(bytes: 128 << 20))
    settings.memoryReservation = ByteSize(bytes: 32 << 20)
    settings.microCPUs = 1_500_000
    settings.cpuWeight = 59
    settings.cpus = "0-1"
    settings.pidsLimit = 100
    settings.volumes = [
      try Volume("/srv:/data:ro,create", relativeTo: "/"), try Volume("/opt:/opt:ro", relativeTo: "/"),
    ]
    settings.temporaryDirectories = [
      try TemporaryDirectory("/t2:size=1048576,mode=1777"), try TemporaryDirectory("/scratch:size=1m"),
    ]
    try settings.environment.add("A=1") { _ in nil }
    settings.workingDirectory = "/tmp"
    settings.user = "1000:1000"
    settings.hostname = "box"
    settings.domainname = "example.org"
    settings.isReadOnly = true
    settings.isPrivileged = true
    let prefix = name.hasPrefix("docker-20.10") ? "" : "CAP_"
    settings.capabilities = CapabilityChoice(added: ["\(prefix)NET_ADMIN"], dropped: ["ALL"])
    settings.initProgram = "/usr/bin/swiftjail"
    var expected = PartitionDefinition(name: "full", content: .partition(settings))
    expected.restart = .onFailure(most: 5)
    var check = PartitionDefinition.HealthCheck(command: ["/bin/sh", "-c", "true"])
    check.interval = 5000
    check.timeout = 2000
    check.startPeriod = 1000
    check.retries = 2
    expected.healthCheck = check
    expected.stopSignal = try #require(Signal("INT"))
    expected.stopTimeout = 30_000
    expected.labels = ["app": "web"]
    expected.log.size = 1 << 20
    expected.log.files = 2
    #expect(definition == expected)
  }

  @Test("What the Python package sends is understood as well")
  func python() throws {
    #expect(try request(recorded("python-7.2-create-plain")).settings.command == ["sleep", "10"])
    #expect(try request(recorded("python-7.2-create-run")).settings.network == .standard)
    let full = try request(recorded("python-7.2-create-full"), name: "py")
    #expect(full.settings.command == ["/bin/echo", "sleep", "10"])
    #expect(full.settings.volumes.map(\.destination) == ["/data", "/x"])
    #expect(full.healthCheck == PartitionDefinition.HealthCheck(command: ["true"]).every(1000))
    #expect(full.restart == .onFailure(most: 3))
    #expect(full.opensInput && !full.closesInput)
  }

  @Test(
    "The first thing that is not offered is named",
    arguments: ["docker-20.10-create-refused", "docker-28.2-create-refused"])
  func refused(name: String) throws {
    let error = #expect(throws: APIError.self) { try request(recorded(name)) }
    #expect(error?.status == 501)
    #expect(error?.message.hasPrefix("HostConfig.") == true, "\(error?.message ?? "")")
  }

  @Test(
    "A field that says something which cannot be is refused by its name",
    arguments: [
      (#"{"Healthcheck":{"Test":["CMD"]}}"#, "Healthcheck.Test: "),
      (#"{"Healthcheck":{"Test":["CMD",""]}}"#, "Healthcheck.Test: "),
      (#"{"Healthcheck":{"Test":["CMD","a"],"Interval":9000000000000000000}}"#, "Healthcheck.Interval: "),
      (#"{"Healthcheck":{"Test":["CMD","a"],"Retries":1000001}}"#, "Healthcheck.Retries: "),
      (#"{"HostConfig":{"Binds":["/a:/b:q"]}}"#, "HostConfig.Binds: "),
      (#"{"HostConfig":{"OomScoreAdj":5000}}"#, "HostConfig.OomScoreAdj: "),
      (#"{"HostConfig":{"Ulimits":[{"Name":"nofile","Hard":1,"Soft":2}]}}"#, "HostConfig.Ulimits[0].Soft: "),
      (#"{"HostConfig":{"Ulimits":[{"Name":"files"}]}}"#, "HostConfig.Ulimits[0].Name: "),
      (#"{"HostConfig":{"Sysctls":{"kernel.panic":"1"}}}"#, "HostConfig.Sysctls: kernel.panic "),
      (
        #"{"HostConfig":{"NetworkMode":"host","Sysctls":{"net.core.somaxconn":"1"}}}"#, "HostConfig.Sysctls: "
      ),
      (
        #"{"HostConfig":{"LogConfig":{"Config":{"max-size":"big"}}}}"#,
        "HostConfig.LogConfig.Config.max-size: "
      ),
      (#"{"HostConfig":{"Memory":"64m"}}"#, "HostConfig.Memory: "),
      (#"{"HostConfig":{"NanoCpus":5}}"#, "HostConfig.NanoCpus: "),
      (#"{"HostConfig":{"CpuShares":1}}"#, "HostConfig.CpuShares: "),
      (#"{"HostConfig":{"CpusetCpus":"3-1"}}"#, "HostConfig.CpusetCpus: "),
      (#"{"HostConfig":{"CpusetCpus":"+1-+3"}}"#, "HostConfig.CpusetCpus: "),
      (#"{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/a"}]}}"#, "HostConfig.Mounts[0].Target: "),
      (#"{"HostConfig":{"RestartPolicy":{"Name":"often"}}}"#, "HostConfig.RestartPolicy.Name: "),
      (#"{"ExposedPorts":{"80/icmp":{}}}"#, "ExposedPorts: "),
      (#"{"ExposedPorts":{"9-8":{}}}"#, "ExposedPorts: "), (#"{"ExposedPorts":{"x":{}}}"#, "ExposedPorts: "),
      (#"{"StopTimeout":-1}"#, "StopTimeout: "), (#"{"Env":["=x"]}"#, "Env: "), (#"{"Cmd":7}"#, "Cmd: "),
    ])
  func field(text: String, start: String) throws {
    guard case .object(var object) = try JSON(text: text) else { return #expect(Bool(false)) }
    object["Image"] = .string("host")
    let error = #expect(throws: APIError.self) { try request(.object(object)) }
    #expect(error?.status == 400)
    #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
  }

  @Test(
    "What is not offered is refused as that, by its name",
    arguments: [
      (#"{"Volumes":{"/anon":{}}}"#, "Volumes: "),
      (#"{"HostConfig":{"Binds":["name:/d"]}}"#, "HostConfig.Binds: "),
      (#"{"HostConfig":{"NetworkMode":"mine"}}"#, "HostConfig.NetworkMode: "),
      (#"{"HostConfig":{"PidMode":"host"}}"#, "HostConfig.PidMode: "),
      (#"{"HostConfig":{"UTSMode":"host"}}"#, "HostConfig.UTSMode: "),
      (#"{"HostConfig":{"MemorySwappiness":60}}"#, "HostConfig.MemorySwappiness: "),
      (#"{"HostConfig":{"Mounts":[{"Type":"volume","Target":"/v"}]}}"#, "HostConfig.Mounts[0].Type: "),
      (#"{"NetworkingConfig":{"EndpointsConfig":{"mine":{"IPAddress":"1.2.3.4"}}}}"#, "NetworkingConfig."),
      (#"{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"80"}]}}}"#, "HostConfig.PortBindings: "),
      (#"{"HostConfig":{"SecurityOpt":["seccomp=/p.json"]}}"#, "HostConfig.SecurityOpt: "),
      (#"{"HostConfig":{"SecurityOpt":["no-new-privileges:false"]}}"#, "HostConfig.SecurityOpt: "),
      (#"{"HostConfig":{"LogConfig":{"Type":"none"}}}"#, "HostConfig.LogConfig.Type: "),
      (#"{"HostConfig":{"LogConfig":{"Config":{"tag":"x"}}}}"#, "HostConfig.LogConfig.Config.tag: "),
      (#"{"HostConfig":{"Isolation":"hyperv"}}"#, "HostConfig.Isolation: "),
      (#"{"HostConfig":{"Dns":["1.1.1.1"]}}"#, "HostConfig.Dns: "),
    ])
  func unsupported(text: String, start: String) throws {
    guard case .object(var object) = try JSON(text: text) else { return #expect(Bool(false)) }
    object["Image"] = .string("host")
    let error = #expect(throws: APIError.self) { try request(.object(object)) }
    #expect(error?.status == 501)
    #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
  }

  @Test("There is an end to how many of the kernel's settings are looked at")
  func manySysctls() throws {
    let sysctls = (1...1000).map { #""net.a\#($0)":"1""# }.joined(separator: ",")
    let body = try JSON(text: #"{"Image":"host","HostConfig":{"Sysctls":{\#(sysctls)}}}"#)
    let error = #expect(throws: APIError.self) { try request(body) }
    #expect(error?.status == 400 && error?.message.contains("Sysctls") == true)
  }

  @Test("What is so in any case may be asked for")
  func defaults() throws {
    let options = #"["apparmor=unconfined","label=disable","no-new-privileges"]"#
    let body = #"""
      {"Image":"host","HostConfig":{"SecurityOpt":\#(options),"UsernsMode":"host","Isolation":"default",
      "ContainerIDFile":"/tmp/id"}}
      """#
    #expect(try request(JSON(text: body)).settings == request(JSON(text: #"{"Image":"host"}"#)).settings)
    let privileged =
      #"{"Image":"host","HostConfig":{"Privileged":true,"SecurityOpt":["seccomp=unconfined"]}}"#
    #expect(try request(JSON(text: privileged)).settings.isPrivileged)
  }

  @Test("Without a filter a container sees keyrings, and that is told")
  func unfiltered() throws {
    for option in ["seccomp=unconfined", "seccomp:unconfined"] {
      let request = try request(
        JSON(text: #"{"Image":"host","HostConfig":{"SecurityOpt":["\#(option)"]}}"#))
      #expect(request.settings.seesKeyrings)
      let definition = request.definition(named: "x")
      #expect(try PartitionDefinition(json: definition.json) == definition)
      var status = PartitionStatus(definition, id: "a", created: 0)
      let told = { ContainerDocument(status).inspection["HostConfig", "SecurityOpt"] }
      #expect(told() == .texts(["seccomp=unconfined"]))
      status.notes = request.notes
      #expect(told() == .texts([option]))
    }
  }

  @Test("A container is in the network that was asked for, and without one in the default")
  func networks() throws {
    for (mode, expected) in [
      ("default", "default"), ("bridge", "default"), ("none", "none"), ("host", "host"),
    ] {
      let body = try JSON(text: #"{"Image":"host","HostConfig":{"NetworkMode":"\#(mode)"}}"#)
      let status = PartitionStatus(try request(body).definition(named: "x"), id: "a", created: 0)
      let document = ContainerDocument(status).inspection
      #expect(document["HostConfig", "NetworkMode"] == .string(expected))
      let network = mode == "host" ? "host" : "none"
      #expect(document["NetworkSettings", "Networks", network] != nil)
    }
  }

  @Test(
    "What is accepted can be read from its record",
    arguments: [
      #"{"StopTimeout":2147483647}"#, #"{"User":"0:"}"#, #"{"User":":5"}"#, #"{"User":":"}"#,
      #"{"Healthcheck":{"Test":["CMD","a"],"Retries":1000000,"Interval":32400000000000000}}"#,
      #"{"Healthcheck":{"Test":["CMD","a"],"Timeout":3153600000000000000,"StartPeriod":1000000}}"#,
      #"{"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":2147483647}}}"#,
      #"{"HostConfig":{"CpusetCpus":"0-3,70000"}}"#,
      #"{"HostConfig":{"LogConfig":{"Config":{"max-size":"1","max-file":"1000"}}}}"#,
    ])
  func readable(text: String) throws {
    guard case .object(var object) = try JSON(text: text) else { return #expect(Bool(false)) }
    object["Image"] = .string("host")
    let definition = try request(.object(object)).definition(named: "p")
    #expect(try PartitionDefinition(json: definition.json) == definition)
  }

  @Test(
    "Of a user or a group that is left out, it is root, and the user's",
    arguments: [
      ("0:", "0"), (":5", "0:5"), ("a:b", "a:b"), (":", nil), ("", nil),
    ])
  func user(text: String, user: String?) throws {
    let body = JSON.members(["Image": .string("host"), "User": .string(text)])
    #expect(try request(body).settings.user == user)
  }

  @Test("What does not go together is refused")
  func conflicts() throws {
    for host in [
      #"{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}"#, #"{"MemorySwap":64}"#,
      #"{"Memory":64,"MemorySwap":32}"#, #"{"Memory":64,"MemoryReservation":128}"#,
      #"{"NanoCpus":1000000000,"CpuQuota":50000}"#, #"{"CpuPeriod":100000}"#,
      #"{"Binds":["/a:/b"],"Tmpfs":{"/b":""}}"#, #"{"Privileged":true,"SecurityOpt":["no-new-privileges"]}"#,
      #"{"RestartPolicy":{"Name":"always","MaximumRetryCount":3}}"#,
    ] {
      #expect(try refusal(#"{"Image":"host","HostConfig":\#(host)}"#) != nil)
    }
    #expect(
      try refusal(#"{"Image":"host","NetworkDisabled":true,"HostConfig":{"NetworkMode":"host"}}"#) != nil)
  }

  @Test(
    "There is one mount at a place, however it is written",
    arguments: [
      #""Binds":["/a:/x","/a:/x"]"#, #""Binds":["/a:/x","/b:/x/"]"#, #""Binds":["/a:/x"],"Tmpfs":{"//x":""}"#,
      #""Binds":["/a:/y/../x"],"Mounts":[{"Type":"tmpfs","Target":"/x"}]"#,
    ])
  func samePlace(mounts: String) throws {
    let refusal = try refusal(#"{"Image":"host","HostConfig":{\#(mounts)}}"#)
    #expect(refusal?.hasPrefix("Duplicate mount point: /") == true, "\(refusal ?? "")")
  }

  @Test(
    "A label for a volume has no effect where there are no labels, and is refused where there are",
    arguments: ["z", "Z"])
  func labels(option: String) throws {
    let body = try JSON(text: #"{"Image":"host","HostConfig":{"Binds":["/a:/b:ro,\#(option)"]}}"#)
    let plain = try JSON(text: #"{"Image":"host","HostConfig":{"Binds":["/a:/b:ro"]}}"#)
    #expect(try request(body).settings == request(plain).settings)
    let error = #expect(throws: APIError.self) {
      try CreateRequest(body, name: nil, initProgram: "/i", hasSELinux: true)
    }
    #expect(error?.status == 501 && error?.message.contains("SELinux") == true, "\(error?.message ?? "")")
  }

  @Test("The kernel's settings are taken over, and told again")
  func kernelSettings() throws {
    let body = try JSON(
      text: #"""
        {"Image":"host","HostConfig":{"ShmSize":1048576,"OomScoreAdj":100,
          "Sysctls":{"net.core.somaxconn":"10"},
          "Ulimits":[{"Name":"nofile","Hard":20,"Soft":10},{"Name":"core","Hard":-1,"Soft":-1}]}}
        """#)
    let request = try request(body)
    #expect(request.settings.sharedMemory?.bytes == 1 << 20)
    #expect(request.settings.outOfMemoryAdjustment == 100)
    #expect(request.settings.resourceLimits.map(\.type) == ["RLIMIT_NOFILE", "RLIMIT_CORE"])
    #expect(request.settings.resourceLimits.last?.hard == .max)
    let status = PartitionStatus(request.definition(named: "x"), id: "a", created: 0)
    let json = ContainerDocument(status).inspection
    for key in ["ShmSize", "OomScoreAdj", "Sysctls", "Ulimits"] {
      #expect(json["HostConfig", key] == body["HostConfig", key], "\(key)")
    }
  }

  @Test("Fields may be written in letters of either case; of two, the one that is written right counts")
  func letterCase() throws {
    let body = try JSON(
      text: #"{"image":"host","CMD":["a"],"hostconfig":{"privileged":true,"binds":["/a:/b"]},"user":"5"}"#)
    let settings = try request(body).settings
    #expect(settings.command == ["a"] && settings.isPrivileged && settings.user == "5")
    #expect(settings.volumes.map(\.destination) == ["/b"])
    let both = try JSON(text: #"{"Image":"host","user":"1","User":"2"}"#)
    #expect(throws: APIError(status: 501, "user: is not supported; leave it out")) { try request(both) }
    #expect(try refusal(#"{"image":"host","nonesuch":1}"#) == "nonesuch: is not supported; leave it out")
  }

  @Test("The ports that are exposed are noted, and told again")
  func exposedPorts() throws {
    let body = try JSON(text: #"{"Image":"host","ExposedPorts":{"80/tcp":{},"8000-8010/udp":{},"53":{}}}"#)
    let request = try request(body)
    var status = PartitionStatus(request.definition(named: "x"), id: "a", created: 0)
    status.notes = try RequestNotes(json: request.notes.json)
    #expect(ContainerDocument(status).inspection["Config", "ExposedPorts"] == body["ExposedPorts"])
  }

  @Test("Further groups are taken over, and told again")
  func groups() throws {
    let body = try JSON(text: #"{"Image":"host","HostConfig":{"GroupAdd":["tty","99"]}}"#)
    let request = try request(body)
    #expect(request.settings.groups == ["tty", "99"])
    let status = PartitionStatus(request.definition(named: "x"), id: "a", created: 0)
    #expect(ContainerDocument(status).inspection["HostConfig", "GroupAdd"] == body["HostConfig", "GroupAdd"])
    #expect(try refusal(#"{"Image":"host","HostConfig":{"GroupAdd":[""]}}"#) != nil)
  }

  @Test("There is one image")
  func image() throws {
    let error = #expect(throws: APIError.self) { try request(JSON(text: #"{"Image":"busybox"}"#)) }
    #expect(error == APIError(status: 404, "No such image: busybox: host is the only image"))
    #expect(try refusal("{}") != nil)
    for name in ["host", "host:latest", HostImage.id] {
      #expect(throws: Never.self) { try request(JSON(text: #"{"Image":"\#(name)"}"#)) }
    }
  }

  @Test("A quota in a period is a part of a CPU")
  func quota() throws {
    let body = try JSON(text: #"{"Image":"host","HostConfig":{"CpuQuota":25000,"CpuPeriod":50000}}"#)
    #expect(try request(body).settings.microCPUs == 500_000)
  }

  @Test("Names are Docker's", arguments: ["web", "/web", "a-b_c.1"])
  func name(text: String) throws {
    #expect(try CreateRequest.name(text) == text.drop { $0 == "/" }.description)
  }

  @Test("Other names are refused", arguments: ["a", "-a", ".a", "_ab", "a b", "a/b", "ü1", "//ab"])
  func noName(text: String) {
    #expect(throws: APIError.self) { try CreateRequest.name(text) }
  }

  @Test("A name that files could not be called after, or one of which is, is refused with the reason")
  func impossibleName() throws {
    let longest = String(repeating: "a", count: 200)
    #expect(try CreateRequest.name(longest) == longest)
    for (name, reason) in [(longest + "a", "201 bytes; 200 are the most"), ("swiftjaild.sock", "socket")] {
      let error = #expect(throws: APIError.self) { try CreateRequest.name(name) }
      #expect(error?.status == 400 && error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
  }

  @Test("A name that is made up is one that nobody has")
  func madeUp() throws {
    var random = SystemRandomNumberGenerator()
    var tries = 0
    let name = GeneratedName.free(using: &random) { _ in
      tries += 1
      return tries < 20
    }
    #expect(tries == 20)
    #expect(try CreateRequest.name(name) == name)
    let id = GeneratedName.id(using: &random)
    #expect(id.utf8.count == 64 && id.allSatisfy(\.isHexDigit))
  }
}

extension PartitionDefinition.HealthCheck {
  fileprivate func every(_ milliseconds: Int64) -> Self {
    var check = self
    check.interval = milliseconds
    return check
  }
}

@Suite("A request to change a container")
struct UpdateRequestTests {
  var definition: PartitionDefinition {
    var settings = PartitionSettings(base: .host)
    settings.memory = ByteSize(bytes: 1 << 30)
    settings.cpus = "0"
    return PartitionDefinition(name: "x", content: .partition(settings))
  }

  @Test(
    "What it speaks of is changed, and nothing else",
    arguments: ["docker-20.10-update", "docker-28.2-update"])
  func update(name: String) throws {
    let updated = try UpdateRequest(recorded(name)).applied(to: definition)
    guard case .partition(let settings) = updated.content else { return #expect(Bool(false)) }
    #expect(settings.memory?.bytes == 64 << 20)
    #expect(settings.microCPUs == 2_000_000)
    #expect(settings.pidsLimit == 10)
    #expect(settings.cpus == "0")
    #expect(updated.restart == .always)
  }

  @Test("What cannot be is refused")
  func refused() throws {
    #expect(throws: APIError.self) { try UpdateRequest(JSON(text: #"{"CpusetMems":"0"}"#)) }
    #expect(throws: APIError.self) { try UpdateRequest(JSON(text: "[]")) }
    let swap = try UpdateRequest(JSON(text: #"{"MemorySwap":4096}"#))
    #expect(throws: APIError.self) { try swap.applied(to: definition) }
    let bundle = PartitionDefinition(name: "x", content: .bundle("/b"))
    let python = try UpdateRequest(recorded("python-7.2-update"))
    #expect(#expect(throws: APIError.self) { try python.applied(to: bundle) }?.status == 409)
    var transient = definition
    transient.isRemovedAtEnd = true
    #expect(#expect(throws: APIError.self) { try python.applied(to: transient) }?.status == 409)
  }

  @Test("Who changes what a file defines is told that the file has the last word")
  func updateOfDefined() throws {
    #expect(UpdateRequest.response(isDefinedByFile: false).text() == #"{"Warnings":[]}"#)
    #expect(UpdateRequest.response(isDefinedByFile: true).text().contains("a file defines this partition"))
  }
}
