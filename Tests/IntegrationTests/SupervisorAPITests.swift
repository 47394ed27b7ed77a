import Foundation
import Testing

/// The supervisor's socket, by bytes.
@Suite("The supervisor's API", .enabled(if: Kernel.hasPartitions))
struct SupervisorAPITests {
  typealias Connection = SupervisorConnection

  /// Makes a partition on the host image, and starts it.
  func start(
    _ site: SupervisedSandbox, _ short: String, _ script: String, _ more: [String: Any] = [:]
  ) throws {
    var document: [String: Any] = [
      "Image": "host", "Cmd": ["/bin/sh", "-c", script], "Env": ["SWIFTJAIL_TEST=\(site.box.id)"],
    ]
    for (name, value) in more { document[name] = value }
    let body = String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
    let made = try site.ask("POST", "/v1.41/containers/create?name=\(site.name(short))", body)
    guard made.status == 201 else { throw Broken("create: \(made)") }
    let started = try site.ask("POST", "/v1.41/containers/\(site.name(short))/start")
    guard started.status == 204 else { throw Broken("start: \(started)") }
  }

  @Test("A connection serves many requests, also those that come before the answer to the first")
  func keepAlive() throws {
    try withSupervisor { site in
      let connection = try Connection(site.socket)
      for _ in 1...3 {
        let answer = try connection.ask("GET", "/_ping")
        #expect(answer.status == 200 && answer.text == "OK")
        #expect(answer.headers["api-version"] == "1.41", "\(answer)")
      }
      for target in ["/version", "/nonesuch", "/v1.41/info"] { try connection.begin("GET", target) }
      try #expect(connection.answer().document["ApiVersion"] as? String == "1.41")
      try #expect(connection.answer().status == 404)
      try #expect(connection.answer().document["Containers"] as? Int == 0)
      try connection.begin("GET", "/_ping", headers: ["Connection: close"])
      try #expect(connection.answer().status == 200)
      #expect(connection.rest().isEmpty)
    }
  }

  @Test("What cannot be is answered with a status and one line that says why")
  func refusals() throws {
    try withSupervisor { site in
      let cases: [(method: String, target: String, body: String?, status: Int, word: String)] = [
        ("GET", "/nonesuch", nil, 404, "page not found"),
        ("GET", "/containers/nobody/json", nil, 404, "nobody"),
        ("POST", "/containers/nobody/start", nil, 404, "nobody"),
        ("POST", "/build", nil, 501, "building images"),
        ("GET", "/swarm", nil, 501, "swarm"),
        ("POST", "/volumes/create", "{}", 501, "volumes"),
        ("POST", "/images/create?fromImage=x", nil, 501, "pulling images"),
        ("POST", "/containers/create", "{", 400, "body"),
        ("POST", "/containers/create", "[]", 400, "object"),
        ("POST", "/containers/create", #"{"Image": 3}"#, 400, "Image"),
        ("POST", "/containers/create", #"{"Image": "nonesuch"}"#, 404, "nonesuch"),
        ("POST", "/containers/create?name=..", #"{"Image": "host"}"#, 400, ".."),
        ("GET", "/images/nonesuch/json", nil, 404, "nonesuch"),
      ]
      let connection = try Connection(site.socket)
      for (method, target, body, status, word) in cases {
        let answer = try connection.ask(method, target, body)
        #expect(answer.status == status, "\(method) \(target): \(answer)")
        #expect(answer.message.contains(word) && !answer.message.isEmpty, "\(method) \(target): \(answer)")
        #expect(answer.message.lines.count == 1, "\(answer)")
      }
      // None of that has made anything.
      let list = try site.ask("GET", "/containers/json?all=1")
      #expect((list.json as? [Any])?.isEmpty == true, "\(list)")
    }
  }

  @Test("Streams have the type that they have in this version of the API, framed or not")
  func streamType() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient)
      let target = "/v1.41/containers/\(site.name("a"))"
      let command = try site.ask("POST", "\(target)/exec", #"{"Cmd":["true"],"AttachStdout":true}"#)
      let id = try #require(command.document["Id"] as? String)
      for (method, path, body) in [
        ("GET", "\(target)/logs?stdout=1", nil), ("POST", "\(target)/attach?stream=1&stdout=1", nil),
        ("POST", "/v1.41/exec/\(id)/start", "{}"),
      ] as [(String, String, String?)] {
        let connection = try Connection(site.socket)
        try connection.begin(method, path, body, headers: ["Connection: Upgrade", "Upgrade: tcp"])
        let head = try connection.head()
        #expect(head.headers["content-type"] == "application/vnd.docker.raw-stream", "\(path): \(head)")
      }
    }
  }

  @Test("One that is paused cannot be started, as it runs already and does nothing")
  func pausedStart() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient)
      let target = "/containers/\(site.name("a"))"
      try #expect(site.ask("POST", "\(target)/start").status == 304)
      try #expect(site.ask("POST", "\(target)/pause").status == 204)
      let answer = try site.ask("POST", "\(target)/start")
      #expect(answer.status == 409, "\(answer)")
      #expect(answer.message == "cannot start a paused container, try unpause instead", "\(answer)")
      try #expect(site.ask("POST", "\(target)/unpause").status == 204)
    }
  }

  @Test("prune tells how many bytes were freed, in its answer and as an event")
  func prune() throws {
    try withSupervisor { site in
      let followed = try Connection(site.socket)
      let filters = "%7B%22event%22%3A%5B%22prune%22%5D%7D"
      try followed.begin("GET", "/events?filters=\(filters)")
      try #expect(followed.head().status == 200)
      let empty = try site.ask("POST", "/containers/prune")
      #expect(empty.document["SpaceReclaimed"] as? Int == 0, "\(empty)")
      try start(site, "a", "head -c 100000 /dev/zero >/file")
      try site.waitFor("a", "exited")
      try start(site, "b", SupervisedSandbox.patient)
      let answer = try site.ask("POST", "/containers/prune")
      let bytes = answer.document["SpaceReclaimed"] as? Int ?? 0
      // With the few files that every partition has.
      #expect(bytes >= 100_000 && bytes < 200_000, "\(answer)")
      #expect((answer.document["ContainersDeleted"] as? [String])?.count == 1, "\(answer)")
      try site.waitFor("b", "running")
      for expected in [0, bytes] {
        let event = try JSONSerialization.jsonObject(with: followed.chunk() ?? Data())
        let document = Config(object: event as? [String: Any] ?? [:])
        #expect(document["Type"] as? String == "container" && document["Action"] as? String == "prune")
        #expect(document["Actor.Attributes.reclaimed"] as? String == String(expected), "\(event)")
      }
    }
  }

  @Test("Half a request, and one that is none, hold up nobody")
  func halves() throws {
    try withSupervisor { site in
      let half = try Connection(site.socket)
      try half.send("POST /containers/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
      let none = try Connection(site.socket)
      try none.send("\u{1}\u{2}\r\n\r\n")
      try #expect(none.answer().status == 400)
      try #expect(site.ask("GET", "/_ping").status == 200)
      half.endSending()
      _ = half.rest()
      try #expect(site.ask("GET", "/_ping").status == 200)
    }
  }

  @Test("Many who ask for nothing, and one who does not read what he asked for, hold up nobody")
  func slow() throws {
    try withSupervisor { site in
      try site.define("flood", "yes", ["stopTimeout": "0s", "log": ["maxSize": "1m", "maxFiles": 2]])
      try site.waitForOutput("flood", "y\n")
      let deaf = try Connection(site.socket)
      try deaf.begin("GET", "/containers/\(site.name("flood"))/logs?follow=1&stdout=1")
      let idle = try (1...40).map { _ in try Connection(site.socket) }
      for connection in idle { try connection.send("GET /_ping HT") }
      try site.define("a")
      try site.waitUntilReady("a")
      try site.succeed("stop", site.name("a"))
      try #expect(site.exitCode("a") == 7)
      // He gets what there is once he reads.
      try #expect(deaf.head().status == 200)
      try #expect(deaf.chunk()?.isEmpty == false)
      for connection in idle { try connection.send("TP/1.1\r\nHost: localhost\r\n\r\n") }
      for connection in idle { try #expect(connection.answer().text == "OK") }
    }
  }

  @Test("Nobody but root, and a group, may write to the socket")
  func socketMode() throws {
    try withSupervisor { site in
      var status = stat()
      try #require(lstat(site.socket, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o660 && status.st_uid == 0)
    }
  }

  @Test("wait answers with the status of the end that it waited for")
  func wait() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let connection = try Connection(site.socket)
      try connection.begin("POST", "/containers/\(site.name("a"))/wait")
      try #expect(connection.head().status == 200)
      try #require(site.ask("POST", "/containers/\(site.name("a"))/kill?signal=TERM").status == 204)
      var body = Data()
      while let chunk = try connection.chunk() { body += chunk }
      let document = Config(object: try JSONSerialization.jsonObject(with: body) as? [String: Any] ?? [:])
      #expect(document["StatusCode"] as? Int == 7)
      // What has ended is not waited for.
      try #expect(
        site.ask("POST", "/containers/\(site.name("a"))/wait").document["StatusCode"] as? Int == 7)
    }
  }

  @Test("events come as they happen, those alone that are asked for")
  func events() throws {
    try withSupervisor { site in
      let connection = try Connection(site.socket)
      // Of what is filtered: {"event":["die","start"]}
      try connection.begin("GET", "/events?filters=%7B%22event%22%3A%5B%22die%22%2C%22start%22%5D%7D")
      try #expect(connection.head().status == 200)
      try site.define("a", "exit 4")
      for action in ["start", "die"] {
        let chunk = try #require(try connection.chunk())
        let document = Config(object: try JSONSerialization.jsonObject(with: chunk) as? [String: Any] ?? [:])
        #expect(document["Action"] as? String == action)
        #expect(document["Actor.Attributes.name"] as? String == site.name("a"))
        #expect(document["Actor.Attributes.exitCode"] as? String == (action == "die" ? "4" : nil))
      }
    }
  }

  @Test("attach passes stdin in, both streams out, and ends with the program")
  func attach() throws {
    try withSupervisor { site in
      let name = site.name("a")
      let script = "while read line; do echo out $line; echo err $line >&2; done; echo end; exit 3"
      let body = """
        {"Image": "host", "Cmd": ["/bin/sh", "-c", "\(script)"], "OpenStdin": true, "StdinOnce": true,
        "AttachStdin": true, "Env": ["SWIFTJAIL_TEST=\(site.box.id)"]}
        """
      try #require(site.ask("POST", "/containers/create?name=\(name)", body).status == 201)
      let connection = try Connection(site.socket)
      try connection.begin(
        "POST", "/containers/\(name)/attach?stdin=1&stdout=1&stderr=1&stream=1",
        headers: ["Connection: Upgrade", "Upgrade: tcp"])
      let head = try connection.head()
      #expect(head.status == 101 && head.headers["upgrade"] == "tcp", "\(head)")
      try #require(site.ask("POST", "/containers/\(name)/start").status == 204)
      try connection.send("one\n")
      var seen: Set<String> = []
      while seen.count < 2, let frame = try connection.frame() {
        seen.insert("\(frame.stream) \(frame.text)")
      }
      #expect(seen == ["1 out one\n", "2 err one\n"])
      connection.endSending()
      try #expect(connection.frames() == [1: "end\n"])
      try site.waitFor("a", "exited")
      try #expect(site.exitCode("a") == 3)
    }
  }

  @Test("exec runs a command inside, with streams, and knows its status")
  func exec() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient)
      try site.waitUntilReady("a")
      let body = """
        {"Cmd": ["/bin/sh", "-c", "read x; echo $x $V; pwd >&2; exit 6"], "AttachStdin": true, "AttachStdout": true,
        "AttachStderr": true, "Env": ["V=v"], "WorkingDir": "/tmp"}
        """
      let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
      let id = try #require(made.document["Id"] as? String, "\(made)")
      let connection = try Connection(site.socket)
      try connection.begin(
        "POST", "/exec/\(id)/start", #"{"Detach": false}"#, headers: ["Connection: Upgrade", "Upgrade: tcp"])
      try #expect(connection.head().status == 101)
      try connection.send("typed\n")
      try #expect(connection.frames() == [1: "typed v\n", 2: "/tmp\n"])
      let state = try site.ask("GET", "/exec/\(id)/json").document
      #expect(state["ExitCode"] as? Int == 6 && state["Running"] as? Bool == false)
      try #expect(site.ask("POST", "/exec/\(id)/start", "{}").status == 409)
      try #expect(site.ask("GET", "/exec/nonesuch/json").status == 404)
    }
  }

  @Test("A command that cannot be executed inside says why, and has the status that Docker gives it")
  func execFailures() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient)
      try site.waitUntilReady("a")
      func run(_ fields: String) throws -> (frames: [UInt8: String], status: Int?) {
        let body = #"{"AttachStdout": true, "AttachStderr": true, \#(fields)}"#
        let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
        let id = try #require(made.document["Id"] as? String, "\(made)")
        let connection = try Connection(site.socket)
        try connection.begin(
          "POST", "/exec/\(id)/start", #"{"Detach": false}"#,
          headers: ["Connection: Upgrade", "Upgrade: tcp"])
        try #expect(connection.head().status == 101)
        let frames = try connection.frames()
        return (frames, try site.ask("GET", "/exec/\(id)/json").document["ExitCode"] as? Int)
      }
      for name in ["nonesuch", "/bin/nonesuch"] {
        let outcome = try run(#""Cmd": ["\#(name)"]"#)
        #expect(
          outcome.frames[2]?.contains("exec: \"\(name)\"") == true && outcome.status == 127, "\(outcome)")
      }
      try #expect(run(#""Cmd": ["/bin"]"#).status == 126)
      let lost = try run(#""Cmd": ["/bin/true"], "WorkingDir": "/nope", "User": "1000""#)
      #expect(lost.frames[2]?.contains("chdir to cwd (\"/nope\")") == true && lost.status == 126, "\(lost)")
      try #expect(run(#""Cmd": ["/bin/ls", "-d", "/nope"]"#).frames[1] == nil, "and nothing is made")
    }
  }

  @Test("A command with no stream attached is answered when it has started; of others only these are sent")
  func execStreams() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient)
      try site.waitUntilReady("a")
      func make(_ script: String, _ fields: String = "") throws -> String {
        let body = #"{"Cmd": ["/bin/sh", "-c", "\#(script)"]\#(fields)}"#
        let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
        return try #require(made.document["Id"] as? String, "\(made)")
      }
      for headers in [[], ["Connection: Upgrade", "Upgrade: tcp"]] {
        let id = try make("echo x; exec sleep 1000")
        let connection = try Connection(site.socket)
        try connection.begin("POST", "/exec/\(id)/start", "{}", headers: headers)
        try #expect(connection.head().status == (headers.isEmpty ? 200 : 101))
        #expect(connection.rest().isEmpty)
        try #expect(site.ask("GET", "/exec/\(id)/json").document["Running"] as? Bool == true)
      }
      for (field, frames) in [("AttachStdout", [UInt8(1): "out\n"]), ("AttachStderr", [2: "err\n"])] {
        let id = try make("echo out; echo err >&2", #", "\#(field)": true"#)
        let connection = try Connection(site.socket)
        try connection.begin(
          "POST", "/exec/\(id)/start", "{}", headers: ["Connection: Upgrade", "Upgrade: tcp"])
        try #expect(connection.head().status == 101)
        try #expect(connection.frames() == frames)
      }
    }
  }

  @Test("Events and logs are answered for every whole number of seconds, as far as one can be written")
  func extremeTimes() throws {
    try withSupervisor { site in
      try start(site, "a", "echo x")
      try site.waitForOutput("a", "x")
      try site.waitFor("a", "exited")
      let (first, last) = (
        ["-9223372036854775808", "-9999999999", "0"], ["9999999999", "9223372036854775807"]
      )
      for since in first {
        for until in last {
          let log = try site.ask(
            "GET", "/containers/\(site.name("a"))/logs?stdout=1&since=\(since)&until=\(until)&timestamps=1")
          #expect(log.status == 200 && log.text.contains(" x\n"), "\(since) \(until): \(log)")
          let events = try Connection(site.socket)
          try events.begin("GET", "/events?since=\(since)&until=\(until)")
          try #expect(events.head().status == 200)
          var text = ""
          while !text.contains("destroy"), !text.contains(#""Action":"die""#) {
            text += String(decoding: try #require(try events.chunk()), as: UTF8.self)
          }
        }
        // Nothing is as old as that.
        let prune =
          #"{"until":["\#(since)"]}"#.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let pruned = try site.ask("POST", "/containers/prune?filters=\(prune)")
        #expect(pruned.status == 200 && (pruned.document["ContainersDeleted"] as? [Any])?.isEmpty != false)
      }
      try #expect(site.status("a") == "exited")
    }
  }

  @Test("Copies are bounded: one more than there may be is answered with 503, until another has ended")
  func copiesAtOnce() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient)
      try site.waitUntilReady("a")
      let target = "/containers/\(site.name("a"))/archive?path=/usr/lib"
      var readers: [Connection] = []
      for _ in 1...32 {
        let connection = try Connection(site.socket)
        try connection.begin("GET", target)
        try #expect(connection.head().status == 200)
        readers.append(connection)
      }
      let refused = try site.ask("GET", target)
      #expect(refused.status == 503 && refused.message.contains("try again"), "\(refused.status)")
      readers = []
      let isFree = try poll {
        let connection = try Connection(site.socket)
        try connection.begin("GET", "/containers/\(site.name("a"))/archive?path=/etc/passwd")
        return try connection.head().status == 200
      }
      #expect(isFree)
    }
  }

  @Test("A partition that cannot be put on record leaves nothing")
  func noRecord() throws {
    try withSupervisor { site in
      let records = site.records + "/partitions"
      try #require(rename(records, records + "-away") == 0)
      defer { rename(records + "-away", records) }
      let target = "/containers/create?name=\(site.name("a"))"
      try #expect(site.ask("POST", target, #"{"Image": "host"}"#).status == 500)
      #expect(!FileManager.default.fileExists(atPath: "\(site.records)/logs/\(site.name("a"))"))
      try #expect(site.status("a") == "none")
    }
  }

  @Test("A partition that is asked for outlives the supervisor, with its id and its name")
  func asked() throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient, ["Labels": ["tier": "one"]])
      try site.waitUntilReady("a")
      let (pid, id) = try (site.pid("a"), site.inspect("a")?["Id"] as? String)
      try site.end(SIGKILL)
      try site.launch()
      try site.waitFor("a", "running")
      try #expect(site.pid("a") == pid)
      try #expect(site.inspect("a")?["Id"] as? String == id)
      try #expect(site.inspect("a")?["Config.Labels.tier"] as? String == "one")
      // A name that is taken.
      let body = #"{"Image": "host"}"#
      let conflict =
        "Conflict. The container name \"/\(site.name("a"))\" is already in use by container \"\(id ?? "")\". "
        + "You have to remove (or rename) that container to be able to reuse that name."
      let second = try site.ask("POST", "/containers/create?name=\(site.name("a"))", body)
      #expect(second.status == 409 && second.message == conflict, "\(second)")

      try site.succeed("stop", site.name("a"))
      let same = try site.ask("POST", "/containers/\(site.name("a"))/rename?name=\(site.name("a"))")
      #expect(same.status == 409 && same.message == conflict, "\(same)")
      let renamed = site.name("b")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/rename?name=\(renamed)").status == 204)
      try #expect(site.inspect("b")?["Id"] as? String == id)
      try #expect(site.status("a") == "none")
      try #expect(site.succeed("logs", renamed).lines == ["ready", "asked"])
    }
  }

  @Test(
    "What is to be removed at its end is, also when the supervisor was killed meanwhile",
    arguments: [false, true])
  func removedAtEnd(killed: Bool) throws {
    try withSupervisor { site in
      try start(site, "a", SupervisedSandbox.patient, ["HostConfig": ["AutoRemove": true]])
      try site.waitUntilReady("a")
      if killed { try site.end(SIGKILL) }
      try site.succeed("kill", site.name("a"), "TERM")
      if killed {
        try site.waitForOutput("a", "asked")
        try site.launch()
      }
      try site.waitFor("a", "none")
    }
  }

  @Test("Metrics tell the state of each partition, and are of Prometheus' form")
  func metrics() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.define("b", "exit 3")
      try site.waitUntilReady("a")
      try site.waitFor("b", "exited")
      let answer = try site.ask("GET", "/metrics")
      #expect(answer.headers["content-type"] == "text/plain; version=0.0.4", "\(answer)")
      let samples = answer.text.lines.filter { !$0.hasPrefix("#") }
      for short in ["a", "b"] {
        #expect(samples.contains { $0.contains("\"\(site.name(short))\"") }, "\(answer)")
      }
      let wrong = samples.filter { line in line.split(separator: " ").last.flatMap { Double($0) } == nil }
      #expect(wrong.isEmpty && !samples.isEmpty, "\(wrong)")
      guard let path = installed("promtool") else { return }
      try write(answer.text, to: site.box.scratch.path + "/metrics")
      let input = open(site.box.scratch.path + "/metrics", O_RDONLY | O_CLOEXEC)
      defer { close(input) }
      var promtool = Program(path, ["check", "metrics"])
      promtool.stdin = .descriptor(input)
      let outcome = try promtool.call()
      #expect(outcome.status == 0, "\(outcome)")
    }
  }
}
