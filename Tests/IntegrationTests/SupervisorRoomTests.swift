import Foundation
import Testing

/// What one client does with the supervisor's connections, descriptors and processes leaves room for all others.
@Suite("A supervisor has room for everybody", .enabled(if: Kernel.hasPartitions))
struct SupervisorRoomTests {
  private typealias Connection = SupervisorConnection

  private func create(_ site: SupervisedSandbox, _ short: String, _ document: [String: Any] = [:]) throws {
    var document = document
    document["Image"] = "host"
    document["Env"] = ["SWIFTJAIL_TEST=\(site.box.id)"]
    let body = String(decoding: try JSONSerialization.data(withJSONObject: document), as: UTF8.self)
    let made = try site.ask("POST", "/containers/create?name=\(site.name(short))", body)
    guard made.status == 201 else { throw Broken("create: \(made)") }
  }

  private func begin(_ site: SupervisedSandbox, _ target: String, _ method: String = "GET") throws
    -> Connection
  {
    let connection = try Connection(site.socket)
    try connection.begin(method, target)
    return connection
  }

  /// What the daemon has open.
  private func descriptors(_ site: SupervisedSandbox) throws -> [String] {
    let directory = "/proc/\(try #require(site.daemon).pid)/fd"
    return try FileManager.default.contentsOfDirectory(atPath: directory).compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)")
    }
  }

  @Test("Three hundred followers of logs, and as many connections that are idle, shut nobody out")
  func followers() throws {
    let site = try SupervisedSandbox()
    defer { site.remove() }
    site.descriptors = 4096
    try site.launch()
    try site.define("a")
    try site.waitUntilReady("a")
    let followers = try (0..<300).map { _ in
      try begin(site, "/containers/\(site.name("a"))/logs?follow=1&stdout=1")
    }
    for follower in followers { try #expect(follower.head().status == 200) }
    let idle = try (0..<300).map { _ in
      let connection = try Connection(site.socket)
      try #expect(connection.ask("GET", "/_ping").status == 200)
      return connection
    }
    // The machine has few instances of inotify for all programs of a user.
    try #expect(descriptors(site).filter { $0.contains("inotify") }.count <= 2)
    try site.succeed("stop", site.name("a"))
    for follower in followers.prefix(10) { try #expect(follower.chunk() != nil) }
    withExtendedLifetime(idle) {}
    try site.empty()
  }

  // MARK: Floods

  /// Keeps 300 connections without a whole request on each, and makes a new one for each that is closed. Between rounds
  /// it leaves the processor to others, of which a slow machine has little.
  private static let flood = """
    import os, select, socket, sys, time
    path, kind = sys.argv[1:]
    start = b"GET /info HTTP/1.1\\r\\nHost: x\\r\\nX: "
    if kind == "half bodies":
        start = b"POST /containers/create HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 99\\r\\n\\r\\n{"
    held, told, last, poll = {}, False, 0, select.poll()
    def drop(number):
        poll.unregister(number)
        held.pop(number).close()
    while os.getppid() == int(os.environ["PARENT"]):
        while len(held) < 300:
            connection = socket.socket(socket.AF_UNIX)
            connection.setblocking(False)
            try:
                connection.connect(path)
                connection.send(start)
            except OSError:
                break
            held[connection.fileno()] = connection
            poll.register(connection, select.POLLIN)
        if len(held) > 250 and not told:
            told = True
            print("flood", flush=True)
        if kind == "in a loop":
            for number in list(held)[:64]: drop(number)
        for number, _ in poll.poll(5): drop(number)
        time.sleep(0.02)
        if kind == "byte by byte" and time.time() - last > 1:
            last = time.time()
            for connection in held.values():
                try: connection.send(b"x")
                except OSError: pass
    """

  /// Asks a hundred times, or for ten seconds, as another user where one is named, and says how often there was no
  /// answer and how long the longest took.
  private static let pings = """
    import os, socket, struct, sys, time
    path, user = sys.argv[1:]
    if int(user): os.setuid(int(user))
    asked, answered, longest, first = 0, 0, 0, time.time()
    while asked < 100 and time.time() - first < 10:
        began = time.time()
        asked += 1
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                    connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 60, 0))
                connection.connect(path)
                connection.sendall(b"GET /_ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                answered += connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError as error:
            print(error, file=sys.stderr)
        longest = max(longest, time.time() - began)
    print(asked - answered, longest)
    """

  @Test(
    "A flood of requests that do not get whole shuts nobody out",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")), .serialized,
    arguments: ["half heads", "half bodies", "byte by byte", "in a loop"])
  func flood(_ kind: String) throws {
    try withSupervisor { site in
      // For the other user.
      chmod(site.socket, 0o666)
      for path in [site.box.root, site.box.scratch.path] { chmod(path, 0o755) }
      var program = Program("/usr/bin/python3", ["-c", Self.flood, site.socket, kind])
      program.environment["PARENT"] = String(getpid())
      let flood = try program.start()
      defer {
        flood.signal(SIGKILL)
        flood.forget()
      }
      guard poll({ flood.text.contains("flood") }) else { throw Broken("no flood: \(flood.stderr)") }
      for user in [0, 65534] {
        let pings = try Program("/usr/bin/python3", ["-c", Self.pings, site.socket, String(user)]).call()
        let words = pings.text.words
        #expect(words.first == "0", "user \(user): \(pings.text)\(pings.stderr)")
        // A second, and a slow machine's share.
        #expect((words.last.flatMap { Double($0) } ?? .infinity) < 15, "user \(user): \(pings.text)")
      }
      #expect(!flood.hasEnded, "\(flood.stderr)")
    }
  }

  @Test("Answers that take long wait for their turn, and none is refused")
  func longAnswers() throws {
    try withSupervisor { site in
      let connections = try (0..<60).map { _ in try begin(site, "/metrics") }
      for connection in connections { try #expect(connection.answer().status == 200) }
    }
  }

  @Test("Who does not read a long answer keeps nobody waiting for another")
  func unreadAnswers() throws {
    try withSupervisor { site in
      for number in 0..<12 {
        try create(site, "a\(number)", ["Labels": ["note": String(repeating: "x", count: 100_000)]])
      }
      let deaf = try (0..<20).map { _ in try begin(site, "/system/df") }
      let begun = Date()
      try #expect(site.ask("GET", "/metrics").status == 200)
      // Each of them has half a minute before it is given up.
      #expect(Date().timeIntervalSince(begun) < 20)
      let answer = try deaf[19].answer()
      #expect(answer.body.count > 1_200_000 && answer.json != nil, "\(answer.status)")
    }
  }

  @Test("Events until a time long ago are none, and the supervisor lives on")
  func longAgo() throws {
    try withSupervisor { site in
      try #expect(site.ask("GET", "/events?until=-9000000000").status == 200)
      try #expect(site.ask("GET", "/_ping").status == 200)
    }
  }

  @Test("A copy that a rename ends is told so, and leaves nothing open")
  func renamedCopy() throws {
    try withSupervisor { site in
      try create(site, "a0", ["Cmd": ["true"]])
      func copyAndRename(_ number: Int) throws {
        let copy = try begin(site, "/containers/\(site.name("a\(number)"))/archive?path=/usr/bin")
        try #expect(copy.head().status == 200)
        let renamed = "/containers/\(site.name("a\(number)"))/rename?name=\(site.name("a\(number + 1)"))"
        try #expect(site.ask("POST", renamed).status == 204)
        _ = copy.rest()
      }
      try copyAndRename(0)
      try site.waitForMessage("was started, renamed or removed while its files were copied")
      let before = try descriptors(site).count
      for number in 1...5 { try copyAndRename(number) }
      let isSame = try poll { try descriptors(site).count <= before }
      let now = try descriptors(site)
      #expect(isSame, "\(before): \(now)")
    }
  }

  @Test("No process hides behind a long command line, and none does anything to the terminal")
  func processes() throws {
    try withSupervisor { site in
      let script = """
        a=A; while [ ${#a} -lt 65536 ]; do a=$a$a; done
        exec /bin/sh -c 'echo ready; while :; do sleep 0.05; done' "$(printf 'x\\ny\\033[2J')" \
        \(Array(repeating: "$a", count: 20).joined(separator: " "))
        """
      try site.define("a", script, ["stopTimeout": "0s"])
      try site.waitUntilReady("a")
      let top = try site.ask("GET", "/containers/\(site.name("a"))/top")
      let rows = top.document["Processes"] as? [[String]] ?? []
      let row = try #require(rows.first { $0.last?.contains("echo ready") == true }, "\(rows)")
      #expect(row[1] == String(try site.pid("a")))
      #expect(row[0] == "root" && row[7].contains("x?y?[2J AAAA") && row[7].utf8.count <= 4096, "\(row)")
      let asked = try site.ask("GET", "/containers/\(site.name("a"))/top?ps_args=-o%20pid,ppid")
      #expect(asked.document["Titles"] as? [String] == ["PID", "PPID"], "\(asked)")
      #expect((asked.document["Processes"] as? [[String]])?.contains { $0[0] == row[1] } == true, "\(asked)")
      try #expect(site.ask("GET", "/containers/\(site.name("a"))/top?ps_args=--nonsense").status == 400)
    }
  }

  @Test("A terminal stays when the client has gone whom its input was for")
  func terminal() throws {
    try withSupervisor { site in
      let script = "while read line; do echo got $line; done; echo end"
      try create(
        site, "a", ["Cmd": ["/bin/sh", "-c", script], "Tty": true, "OpenStdin": true, "StdinOnce": true])
      let target = "/containers/\(site.name("a"))"
      func attach() throws -> Connection {
        let connection = try Connection(site.socket)
        try connection.begin(
          "POST", "\(target)/attach?stdin=1&stdout=1&stream=1",
          headers: ["Connection: Upgrade", "Upgrade: tcp"])
        try #expect(connection.head().status == 101)
        return connection
      }
      var first: Connection? = try attach()
      try #expect(site.ask("POST", "\(target)/start").status == 204)
      try first?.send("one\n")
      try site.waitForOutput("a", "got one")
      first = nil
      let second = try attach()
      try second.send("two\n")
      try site.waitForOutput("a", "got two")
      try #expect(site.ask("POST", "\(target)/resize?h=20&w=70").status == 200)
      second.endSending()
      try #expect(site.ask("POST", "\(target)/resize?h=21&w=70").status == 200)
      try #expect(site.ask("POST", "\(target)/kill").status == 204)
    }
  }

  @Test("Following a log until a time ends then")
  func until() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let until = Date().timeIntervalSince1970 + 0.3
      let logs = try begin(site, "/containers/\(site.name("a"))/logs?follow=1&stdout=1&until=\(until)")
      try #expect(logs.head().status == 200)
      var text = Data()
      while let chunk = try logs.chunk() { text += chunk }
      #expect(String(decoding: text.dropFirst(8), as: UTF8.self) == "ready\n")
      try #expect(site.status("a") == "running")
    }
  }

  @Test("What is not running can be neither paused nor looked into")
  func notRunning() throws {
    try withSupervisor { site in
      try create(site, "a")
      for (method, action) in [("POST", "pause"), ("POST", "unpause"), ("GET", "top")] {
        let answer = try site.ask(method, "/containers/\(site.name("a"))/\(action)")
        #expect(answer.status == 409 && answer.message.contains("is not running"), "\(action): \(answer)")
      }
    }
  }

  @Test("Commands inside leave a trace, and none may be longer than can be executed")
  func executions() throws {
    try withSupervisor { site in
      try site.define("a")
      try site.waitUntilReady("a")
      let events = try begin(site, "/events")
      try #expect(events.head().status == 200)
      let target = "/containers/\(site.name("a"))/exec"
      let body = #"{"Cmd": ["/bin/sh", "-c", "exit 5"]}"#
      let id = try #require(site.ask("POST", target, body).document["Id"] as? String)
      try #expect(site.ask("POST", "/exec/\(id)/start", #"{"Detach": true}"#).status == 200)
      for expected in ["exec_create: /bin/sh -c exit 5", "exec_start: /bin/sh -c exit 5", "exec_die"] {
        let chunk = try #require(try events.chunk())
        let document = Config(object: try JSONSerialization.jsonObject(with: chunk) as? [String: Any] ?? [:])
        #expect(document["Action"] as? String == expected)
        #expect(document["Actor.Attributes.execID"] as? String == id)
        #expect(document["Actor.Attributes.exitCode"] as? String == (expected == "exec_die" ? "5" : nil))
      }
      let long = #"{"Cmd": ["\#(String(repeating: "x", count: 300_000))"]}"#
      try #expect(site.ask("POST", target, long).status == 400)
    }
  }

  @Test("Where there is nothing to be removed, nothing is")
  func prune() throws {
    try withSupervisor { site in
      for kind in ["images", "networks", "volumes", "build"] {
        try #expect(site.ask("POST", "/\(kind)/prune").status == 200)
      }
      try #expect(
        site.ask("POST", "/containers/create?platform=linux/s390x", #"{"Image":"host"}"#).status == 400)
    }
  }
}
