import Linux
import Testing

@testable import Definitions
@testable import Supervisor

@Suite("The target of a request")
struct EndpointTests {
  let x = ContainerReference("x")

  func endpoint(_ method: String, _ target: String) throws -> Endpoint {
    try Endpoint(method: method, target: target, now: 1_000_000_000_000)
  }

  @Test("What an error quotes does nothing to the terminal of whoever asked")
  func printable() {
    let error = APIError.noSuchContainer("a\u{9b}2J\u{202e}b")
    #expect(error.message == "No such container: a?2J?b" && error.json["message"] == .string(error.message))
  }

  func error(_ method: String, _ target: String) -> APIError? {
    #expect(throws: APIError.self, "\(target)") { try endpoint(method, target) }
  }

  @Test("With a version and without one, it is the same")
  func version() throws {
    for prefix in ["", "/v1.41", "/v1.12", "/v1.24"] {
      #expect(try endpoint("GET", "\(prefix)/info") == .info)
      #expect(try endpoint("HEAD", "\(prefix)/_ping") == .ping)
    }
    #expect(
      error("GET", "/v1.42/info")
        == .badRequest("client version 1.42 is too new. Maximum supported API version is 1.41"))
    #expect(
      error("GET", "/v1.11/info")
        == .badRequest(
          "client version 1.11 is too old. Minimum supported API version is 1.12, please upgrade your client "
            + "to a newer version"))
  }

  @Test("What the commands and the Python package send is understood")
  func recorded() throws {
    #expect(try endpoint("POST", "/v1.41/containers/create?name=web") == .createContainer(name: "web"))
    #expect(try endpoint("POST", "/v1.41/containers/create") == .createContainer(name: nil))
    #expect(try endpoint("GET", "/v1.41/containers/x/json") == .inspectContainer(x, includesSizes: false))
    #expect(try endpoint("POST", "/v1.41/containers/x/start") == .start(x))
    #expect(try endpoint("POST", "/v1.41/containers/x/stop") == .stop(x, timeout: nil))
    #expect(try endpoint("POST", "/v1.41/containers/x/stop?t=3") == .stop(x, timeout: 3))
    #expect(try endpoint("POST", "/v1.41/containers/x/stop?t=-1") == .stop(x, timeout: -1))
    #expect(try endpoint("POST", "/v1.41/containers/x/restart?t=10") == .restart(x, timeout: 10))
    #expect(try endpoint("POST", "/v1.41/containers/x/kill") == .kill(x, .kill))
    #expect(try endpoint("POST", "/v1.41/containers/x/kill?signal=HUP") == .kill(x, Signal(rawValue: 1)))
    #expect(
      try endpoint("DELETE", "/v1.41/containers/x?v=True&link=False&force=True")
        == .removeContainer(x, isForced: true))
    #expect(
      try endpoint("POST", "/v1.41/containers/x/attach?stderr=1&stdout=1&stream=1")
        == .attach(
          x,
          .init(logs: false, stream: true, input: false, output: true, error: true, detachKeys: DetachKeys()))
    )
    #expect(try endpoint("POST", "/v1.41/containers/x/wait?condition=") == .wait(x, .notRunning))
    #expect(try endpoint("POST", "/v1.41/containers/x/wait?condition=next-exit") == .wait(x, .nextExit))
    #expect(try endpoint("GET", "/v1.41/containers/x/top") == .processes(x, psArguments: "-ef"))
    #expect(
      try endpoint("GET", "/v1.41/containers/x/top?ps_args=-o+pid") == .processes(x, psArguments: "-o pid"))
    #expect(
      try endpoint("GET", "/v1.41/containers/x/stats?stream=False")
        == .statistics(x, isStream: false, isOneShot: false))
    #expect(
      try endpoint("GET", "/v1.41/containers/x/archive?path=%2Fetc%2Fhostname")
        == .readArchive(x, path: "/etc/hostname"))
    #expect(
      try endpoint("POST", "/v1.41/containers/x/resize?h=24&w=80")
        == .resizeContainer(x, .init(height: 24, width: 80)))
    #expect(try endpoint("POST", "/v1.41/containers/x/rename?name=new") == .rename(x, to: "new"))
    #expect(try endpoint("POST", "/v1.41/exec/abc/start") == .startExecution("abc"))
    #expect(try endpoint("GET", "/v1.41/images/some/host/json") == .inspectImage("some/host"))
    for absent in ["networks", "images", "volumes", "build"] {
      let kind = try #require(Endpoint.Absent(rawValue: absent))
      #expect(try endpoint("POST", "/v1.41/\(absent)/prune") == .pruneNothing(kind))
    }
    #expect(try endpoint("GET", "/v1.41/networks?filters=%7B%7D") == .listNetworks(filters: "{}"))
  }

  @Test("Times are seconds, with a fraction or without one, or so long ago")
  func times() throws {
    let target = "/v1.41/containers/x/logs?stdout=1&stderr=1&tail=5&timestamps=1&since="
    for (text, time) in [
      ("900", 900_000_000_000), ("900.5", 900_500_000_000), ("10s", 990_000_000_000),
      ("1m30s", 910_000_000_000), ("1970-01-01T00:15:00Z", 900_000_000_000), ("0", nil),
    ] as [(String, Int64?)] {
      #expect(
        try endpoint("GET", target + text)
          == .logs(
            x,
            .init(
              output: true, error: true, follows: false, hasTimes: true, since: time, until: nil, tail: 5)))
    }
    #expect(error("GET", target + "yesterday")?.status == 400)
  }

  @Test("A date counts from 1970, wherever it was written")
  func dates() {
    #expect(APITime.date("2000-03-01") == 951_868_800_000_000_000)
    #expect(APITime.date("2024-02-29T12:00:00.25+02:00") == 1_709_200_800_250_000_000)
    #expect(APITime.date("2024-02-29T12:00") == 1_709_208_000_000_000_000)
    for text in [
      "2024", "2024-13-01", "2024-02-29 12:00", "2024-02-29T12:00:00+2", "2024-02-29T12:00:00.", "",
    ] {
      #expect(APITime.date(text) == nil, "\(text)")
    }
    #expect(APITime.duration("1.5h") == 5_400_000_000_000)
    for text in ["", "h", "1", "1x", "-1s", "1.2.3s"] { #expect(APITime.duration(text) == nil, "\(text)") }
  }

  @Test(
    "A parameter that is malformed is refused by its name",
    arguments: [
      ("POST", "/containers/x/stop?t=soon", "t=soon"), ("POST", "/containers/x/stop?t=-2", "t=-2"),
      ("POST", "/containers/x/kill?signal=NONE", "Invalid signal: NONE"),
      ("POST", "/containers/x/wait?condition=tea", "invalid condition"),
      ("POST", "/containers/x/resize?h=24", "h and w"), ("GET", "/containers/x/logs", "Bad parameters"),
      ("GET", "/containers/json?limit=many", "limit=many"),
      ("GET", "/containers/json?filters=%7B", "invalid filter"),
      ("GET", "/containers/json?filters=%7B%22color%22%3A%5B%22red%22%5D%7D", "Invalid filter 'color'"),
      ("GET", "/containers/json?filters=%7B%22status%22%3A%5B%22odd%22%5D%7D", "Invalid filter 'status=odd'"),
      ("GET", "/containers/json?filters=%zz", "\"%zz\""), ("GET", "/containers/%ff/json", "\"%ff\""),
      ("GET", "/events?since=20&until=10", "since=20"),
      ("GET", "/containers/x/archive", "bad parameter"),
    ])
  func malformed(method: String, target: String, start: String) {
    let error = error(method, target)
    #expect(error?.status == 400)
    #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
  }

  @Test(
    "What the API has and is not offered is answered with 501, and what it is",
    arguments: [
      ("POST", "/build"), ("POST", "/images/create?fromImage=busybox"),
      ("DELETE", "/images/host"), ("POST", "/images/host/push"), ("POST", "/images/host/tag"),
      ("GET", "/images/search?term=x"), ("POST", "/auth"), ("POST", "/commit"),
      ("GET", "/images/host/get"), ("GET", "/images/get"), ("POST", "/images/load"),
      ("GET", "/containers/x/export"), ("GET", "/containers/x/attach/ws"), ("POST", "/volumes/create"),
      ("POST", "/networks/create"), ("DELETE", "/containers/x?link=1"), ("POST", "/plugins/p/enable"),
      ("DELETE", "/networks/n"), ("POST", "/networks/n/connect"),
      ("GET", "/plugins"), ("GET", "/nodes"), ("GET", "/swarm"), ("POST", "/swarm/init"),
      ("GET", "/services"), ("GET", "/tasks"), ("GET", "/secrets"), ("GET", "/configs"),
      ("GET", "/distribution/host/json"), ("POST", "/session"),
    ])
  func unoffered(method: String, path: String) {
    let error = error(method, "/v1.41\(path)")
    #expect(error?.status == 501)
    #expect(error?.message.contains("is not ") == true)
  }

  @Test("One of a kind of which there are none is not found, so that docker inspect looks on")
  func absent() {
    #expect(error("GET", "/v1.41/volumes/v") == .notFound("get v: no such volume"))
    #expect(error("DELETE", "/v1.41/volumes/v?force=1") == .notFound("get v: no such volume"))
    #expect(error("GET", "/v1.41/plugins/p/json") == .notFound("plugin \"p\" not found"))
  }

  @Test("A platform whose programs the machine does not run is refused, under whatever name")
  func platforms() throws {
    #expect(
      try endpoint("POST", "/v1.41/containers/create?platform=linux%2Farm64")
        == .createContainer(name: nil, platform: "linux/arm64"))
    let image = HostImage(created: 0, architecture: "arm64")
    for same in ["linux", "linux/arm64", "linux/arm64/v8", "arm64", "linux/aarch64", "Linux/ARM64"] {
      try image.check(platform: same)
    }
    for other in ["linux/amd64", "linux/arm", "linux/arm64/v9", "windows", "windows/arm64", "linux/"] {
      let error = #expect(throws: APIError.self) { try image.check(platform: other) }
      #expect(error?.status == 400 && error?.message.contains("wanted \(other), actual: linux/arm64") == true)
    }
  }

  @Test("Points in time as far away as there are digits for can be asked for")
  func farTimes() throws {
    for text in ["-9000000000", "9000000000.999999999", "-7440000000", "2400000h", "1900-01-01"] {
      guard case .events(let query) = try endpoint("GET", "/events?until=\(text)") else {
        return #expect(Bool(false))
      }
      #expect(query.until != nil)
    }
  }

  @Test(
    "What no version of the API has is not found",
    arguments: [
      ("GET", "/"), ("GET", "/tea"), ("GET", "/containers"), ("PATCH", "/containers/x/json"),
      ("GET", "/containers/x/start"), ("GET", "/v1.x/info"), ("POST", "/info"), ("GET", "/exec/x"),
      ("GET", "/containers/a/b/c/d"), ("GET", "/images"),
    ])
  func unknown(method: String, path: String) {
    #expect(error(method, path) == .notFound("page not found"))
  }
}

@Suite("A reference to a container")
struct ContainerReferenceTests {
  let partitions = ["aa11", "aa22", "bb33"].enumerated().map { (index, id) in
    PartitionStatus(
      PartitionDefinition(name: ["web", "db", "aa"][index], content: .bundle("/b")), id: id, created: 0)
  }

  @Test(
    "It is an id, the beginning of one, or a name",
    arguments: [("aa11", "aa11"), ("b", "bb33"), ("web", "aa11"), ("/db", "aa22"), ("aa", "bb33")])
  func found(text: String, id: String) throws {
    #expect(try ContainerReference(text).find(in: partitions).id == id)
  }

  @Test("None and more than one are told apart")
  func notFound() {
    let none = #expect(throws: APIError.self) { try ContainerReference("cc").find(in: partitions) }
    #expect(none == APIError(status: 404, "No such container: cc"))
    let several = #expect(throws: APIError.self) { try ContainerReference("a").find(in: partitions) }
    #expect(several == .badRequest("Multiple IDs found with provided prefix: a"))
    #expect(throws: APIError.self) { try ContainerReference("/").find(in: partitions) }
  }
}
