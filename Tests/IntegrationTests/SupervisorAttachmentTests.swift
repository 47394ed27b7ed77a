import Foundation
import Testing

/// What a client gets that is attached to a partition.
@Suite("Clients that are attached", .enabled(if: Kernel.hasPartitions))
struct SupervisorAttachmentTests {
  typealias Connection = SupervisorConnection

  private func create(
    _ site: SupervisedSandbox, _ short: String, _ command: [String], _ more: [String: Any] = [:]
  ) throws {
    var document: [String: Any] = [
      "Image": "host", "Cmd": command, "Env": ["SWIFTJAIL_TEST=\(site.box.id)"],
    ]
    for (name, value) in more { document[name] = value }
    let body = String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
    let made = try site.ask("POST", "/containers/create?name=\(site.name(short))", body)
    guard made.status == 201 else { throw Broken("create: \(made)") }
  }

  private func start(_ site: SupervisedSandbox, _ short: String) throws {
    let started = try site.ask("POST", "/containers/\(site.name(short))/start")
    guard started.status == 204 else { throw Broken("start: \(started)") }
  }

  private func attach(
    _ site: SupervisedSandbox, _ short: String, _ query: String = "stream=1&stdout=1&stderr=1"
  ) throws -> Connection {
    let connection = try Connection(site.socket)
    try connection.begin(
      "POST", "/containers/\(site.name(short))/attach?\(query)",
      headers: ["Connection: Upgrade", "Upgrade: tcp"])
    let head = try connection.head()
    guard head.status == 101 else { throw Broken("attach: \(head)") }
    return connection
  }

  /// What is in the frames of `data`, of all streams.
  private func contents(_ data: Data) throws -> Data {
    var contents = Data()
    var rest = data
    while rest.count >= 8 {
      let length = rest.dropFirst(4).prefix(4).reduce(0) { $0 << 8 | Int($1) }
      contents += rest.dropFirst(8).prefix(length)
      rest = rest.dropFirst(8 + length)
    }
    guard rest.isEmpty else { throw Broken("a frame is cut short: \(rest.count) bytes") }
    return contents
  }

  private func lines(_ range: ClosedRange<Int>) -> Data {
    Data((range.map(String.init).joined(separator: "\n") + "\n").utf8)
  }

  @Test("They get every byte to the last, though the log keeps little, and the partition is removed")
  func all() throws {
    try withSupervisor { site in
      let little: [String: Any] = [
        "AutoRemove": true,
        "LogConfig": ["Type": "json-file", "Config": ["max-size": "16k", "max-file": "1"]],
      ]
      try create(site, "a", ["seq", "1", "100000"], ["HostConfig": little])
      let connection = try attach(site, "a")
      try start(site, "a")
      try #expect(contents(connection.rest()) == lines(1...100_000))
      try site.waitFor("a", "none")
    }
  }

  @Test("They get bytes as they were written")
  func binary() throws {
    try withSupervisor { site in
      try create(site, "a", ["/bin/sh", "-c", #"printf '\377\376\000A\n'; printf '\200' >&2"#])
      for _ in 1...2 {
        let connection = try attach(site, "a")
        try start(site, "a")
        try #expect(Set(contents(connection.rest())) == [255, 254, 0, 65, 10, 128])
        try site.waitFor("a", "exited")
      }
    }
  }

  @Test("They get all from the answer on, of what runs already")
  func running() throws {
    try withSupervisor { site in
      try create(
        site, "a", ["/bin/sh", "-c", "read line; seq 1 1000; read line; seq 1001 2000"], ["OpenStdin": true])
      try start(site, "a")
      let one = try attach(site, "a", "stream=1&stdout=1&stdin=1")
      let other = try attach(site, "a", "stream=1&stdout=1")
      try one.send("go\ngo\n")
      try #expect(contents(one.rest()) == lines(1...2000))
      try #expect(contents(other.rest()) == lines(1...2000))
    }
  }

  @Test("With the log before it there is no gap, and nothing comes twice")
  func afterLog() throws {
    try withSupervisor { site in
      let script = "i=0; while [ $i -lt 8000 ]; do i=$((i+1)); echo $i; [ $i != 4000 ] || read line; done"
      try create(site, "a", ["/bin/sh", "-c", script], ["OpenStdin": true])
      try start(site, "a")
      // They are read one after the other: what waits for the others must find room.
      var connections: [Connection] = []
      for count in [1, 100, 2000] {
        #expect(poll { site.output("a").filter { $0 == "\n" }.count >= count })
        connections.append(try attach(site, "a", "logs=1&stream=1&stdout=1&stdin=1"))
      }
      try connections[2].send("\n")
      for connection in connections { try #expect(contents(connection.rest()) == lines(1...8000)) }
      // What has ended has its log.
      try site.waitFor("a", "exited")
      try #expect(contents(attach(site, "a", "logs=1&stdout=1").rest()) == lines(1...8000))
    }
  }

  @Test("A client may read the answer's head by itself")
  func headFirst() throws {
    try withSupervisor { site in
      try create(site, "a", ["/bin/sh", "-c", "echo word; exec sleep 1000"])
      try start(site, "a")
      try site.waitForOutput("a", "word")
      // How soon this is told of what has come is not the supervisor's to say.
      let isAlone = try (1...5).contains { _ in
        let connection = try Connection(site.socket)
        try connection.begin(
          "POST", "/containers/\(site.name("a"))/attach?logs=1&stream=1&stdout=1",
          headers: ["Connection: Upgrade", "Upgrade: tcp"])
        return try connection.piece().suffix(4) == Data("\r\n\r\n".utf8)
      }
      #expect(isAlone)
    }
  }

  @Test("One who does not read holds up that partition alone, and gets all when he does")
  func slow() throws {
    try withSupervisor { site in
      try create(site, "a", ["seq", "1", "400000"])
      let connection = try attach(site, "a")
      try start(site, "a")
      try create(site, "b", ["seq", "1", "400000"])
      let other = try attach(site, "b")
      try start(site, "b")
      try #expect(contents(other.rest()) == lines(1...400_000))
      try #expect(site.status("a") == "running")
      try #expect(contents(connection.rest()) == lines(1...400_000))
      try site.waitFor("a", "exited")
    }
  }

  @Test("kill -9 of the supervisor ends what they get, and nothing else")
  func killed() throws {
    try withSupervisor { site in
      let little: [String: Any] = [
        "LogConfig": ["Type": "json-file", "Config": ["max-size": "16k", "max-file": "1"]]
      ]
      try create(
        site, "a", ["/bin/sh", "-c", "seq 1 300000; echo done; exec sleep 1000"], ["HostConfig": little])
      let connection = try attach(site, "a")
      try start(site, "a")
      _ = try connection.piece()
      try site.end(SIGKILL)
      try site.launch()
      try site.waitForOutput("a", "done")
      try #expect(site.status("a") == "running")
      let again = try attach(site, "a")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/kill").status == 204)
      #expect(again.rest().isEmpty)
    }
  }

  @Test("A terminal takes input again from the next one who is attached")
  func terminal() throws {
    try withSupervisor { site in
      try create(
        site, "a", ["/bin/sh", "-c", "stty -echo; while read line; do echo got $line; done"],
        ["Tty": true, "OpenStdin": true, "StdinOnce": true])
      let first = try attach(site, "a", "stream=1&stdout=1&stdin=1")
      try start(site, "a")
      try first.send("one\n")
      try site.waitForOutput("a", "got one")
      first.endSending()
      let second = try attach(site, "a", "stream=1&stdout=1&stdin=1")
      try second.send("two\n")
      try site.waitForOutput("a", "got two")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/resize?h=12&w=34").status == 200)
    }
  }

  /// What the journal has of a partition, of these actions.
  private func events(_ site: SupervisedSandbox, _ short: String, _ actions: [String]) throws -> [String] {
    let end = Int(Date().timeIntervalSince1970) + 1
    let text = try site.ask("GET", "/events?since=1&until=\(end)").text
    return text.lines.compactMap { line in
      let event = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any]
      let document = Config(object: event ?? [:])
      guard document["Actor.Attributes.name"] as? String == site.name(short) else { return nil }
      return (document["Action"] as? String).flatMap { actions.contains($0) ? $0 : nil }
    }
  }

  @Test(
    "Who types the keys for it leaves a terminal, and events tell of who comes and goes",
    arguments: [
      ("", "\u{10}\u{11}"), ("&detachKeys=ctrl-a,x", "\u{1}x"),
    ])
  func detach(query: String, keys: String) throws {
    try withSupervisor { site in
      try create(
        site, "a", ["/bin/sh", "-c", "stty -echo raw; dd bs=1 count=4 2> /dev/null; exec sleep 1000"],
        ["Tty": true, "OpenStdin": true])
      let first = try attach(site, "a", "stream=1&stdout=1&stdin=1\(query)")
      try start(site, "a")
      try first.send("on\(keys.prefix(1))")
      try site.waitForOutput("a", "on")
      try first.send(String(keys.dropFirst()))
      #expect(String(decoding: first.rest(), as: UTF8.self).hasSuffix("on"))
      let second = try attach(site, "a", "stream=1&stdout=1&stdin=1\(query)")
      try second.send("ce")
      try site.waitForOutput("a", "ce")
      try #expect(site.status("a") == "running")
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/resize?h=12&w=34").status == 200)
      try #expect(site.ask("GET", "/containers/\(site.name("a"))/top").status == 200)
      try #expect(
        events(site, "a", ["attach", "detach", "resize", "top"])
          == ["attach", "detach", "attach", "resize", "top"])
    }
  }

  @Test("Keys that there are not are refused")
  func noDetachKeys() throws {
    try withSupervisor { site in
      try create(site, "a", ["true"])
      let answer = try site.ask("POST", "/containers/\(site.name("a"))/attach?stream=1&detachKeys=ctrl-7")
      #expect(answer.status == 400 && answer.message.contains("ctrl-7"), "\(answer)")
    }
  }

  @Test("Who leaves a command's terminal by the keys leaves the command at work")
  func execDetach() throws {
    try withSupervisor { site in
      try create(site, "a", ["sleep", "1000"])
      try start(site, "a")
      let body =
        #"{"Cmd": ["/bin/sh", "-c", "stty -echo raw; echo on; sleep 1000"], "Tty": true, "AttachStdin": true"#
        + #", "AttachStdout": true, "DetachKeys": "ctrl-x"}"#
      let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
      let id = try #require(made.document["Id"] as? String, "\(made)")
      let connection = try Connection(site.socket)
      try connection.begin(
        "POST", "/exec/\(id)/start", #"{"Detach": false, "Tty": true}"#,
        headers: ["Connection: Upgrade", "Upgrade: tcp"])
      try #expect(connection.head().status == 101)
      var seen = Data()
      while !seen.contains(UInt8(ascii: "n")) { seen += try connection.piece() }
      try connection.send("\u{18}")
      #expect(connection.rest().allSatisfy { $0 == 0x0d || $0 == 0x0a })
      try #expect(site.ask("GET", "/exec/\(id)/json").document["Running"] as? Bool == true)
      try #expect(events(site, "a", ["exec_detach", "exec_die"]) == ["exec_detach"])
    }
  }

  @Test("The terminal of a command has the size that is asked for before it is there")
  func execSize() throws {
    try withSupervisor { site in
      try create(site, "a", ["sleep", "1000"])
      try start(site, "a")
      for _ in 1...3 {
        let script = "until [ \"$(stty size)\" = '12 34' ]; do sleep 0.02; done; echo seen"
        let body =
          #"{"Cmd": ["/bin/sh", "-c", "\#(script.replacing("\"", with: "\\\""))"], "Tty": true, "AttachStdout": true}"#
        let made = try site.ask("POST", "/containers/\(site.name("a"))/exec", body)
        let id = try #require(made.document["Id"] as? String, "\(made)")
        let connection = try Connection(site.socket)
        try connection.begin(
          "POST", "/exec/\(id)/start", #"{"Detach": false, "Tty": true}"#,
          headers: ["Connection: Upgrade", "Upgrade: tcp"])
        try #expect(connection.head().status == 101)
        try #expect(site.ask("POST", "/exec/\(id)/resize?h=12&w=34").status < 300)
        #expect(String(decoding: connection.rest(), as: UTF8.self).trimmed == "seen")
      }
    }
  }

  @Test("kill answers when what was killed has ended: it can be started again, and removed")
  func kill() throws {
    try withSupervisor { site in
      try create(site, "a", ["sleep", "1000"])
      let target = "/containers/\(site.name("a"))"
      for _ in 1...5 {
        try start(site, "a")
        try #expect(site.exitCode("a") == 0)
        try #expect(site.ask("POST", target + "/kill").status == 204)
        try #expect(site.status("a") == "exited" && site.exitCode("a") == 137)
      }
      try start(site, "a")
      try #expect(site.ask("POST", target + "/kill?signal=STOP").status == 204)
      try #expect(site.ask("POST", target + "/kill?signal=KILL").status == 204)
      try #expect(site.ask("DELETE", target).status == 204)
    }
  }

  @Test("swiftjail start -a passes on what a function writes as it is", arguments: [0, 1])
  func function(warm: Int) throws {
    try withSupervisor { site in
      let path = site.box.scratch.path + "/input"
      let bytes = Data((0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 9) })
      try bytes.write(to: URL(fileURLWithPath: path))
      try site.write([
        "f": [
          "image": "host", "command": ["cat"], "interactive": true, "warm": warm,
          "environment": ["SWIFTJAIL_TEST": site.box.id], "log": ["maxSize": "16k", "maxFiles": 1],
        ] as [String: Any]
      ])
      #expect(try poll { try site.status("f") == "created" })
      let input = open(path, O_RDONLY | O_CLOEXEC)
      defer { close(input) }
      var program = site.box.program(["start", "-a", site.name("f")])
      program.stdin = .descriptor(input)
      let outcome = try program.call()
      #expect(outcome.status == 0 && outcome.stdout == bytes, "\(outcome.complaints) \(outcome.stdout.count)")
    }
  }
}
