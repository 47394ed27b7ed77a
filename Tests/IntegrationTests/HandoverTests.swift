import Foundation
import Glibc
import Testing

/// What a container's maker is told of it over sockets: that it is ready, and a pidfd.
@Suite("What is said over sockets")
struct HandoverTests {
  /// A service manager that is told that a service is ready.
  final class Manager {
    let path: String
    private let socket: CInt

    init(_ box: Sandbox) throws {
      path = box.scratch.path + "/manager"
      socket = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = Array(path.utf8)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      let code = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard code == 0 else { throw Broken("bind \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(socket) }

    /// What it was told, or nothing when nobody has said anything so far.
    func told(within seconds: Double = patience) -> String {
      var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      guard Glibc.poll(&waiting, 1, CInt(seconds * 1000)) == 1 else { return "" }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(socket, &buffer, buffer.count, 0)
      return String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    }
  }

  /// A script's command that says something to the socket in `NOTIFY_SOCKET`, by the host's perl.
  func say(_ text: String) -> String {
    "perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_DGRAM, 0); send($s, \"\(text)\", 0, "
      + "pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or die $!'"
  }

  func withManager(_ body: (Sandbox, Manager) throws -> Void) throws {
    try withSandbox { box in
      for directory in ["/usr", "/lib", "/lib64"] where exists(directory) {
        try makeDirectory(box.rootfs + directory)
        box.config.mount(directory, type: "bind", source: directory, ["rbind", "ro"])
      }
      box.config["process.env"] = ["PATH=/bin:/usr/bin", "SWIFTJAIL_TEST=\(box.id)", "NOTIFY_SOCKET=/old"]
      try body(box, try Manager(box))
    }
  }

  @Test(
    "run --detach waits until the program is ready, and names it to the service manager",
    arguments: [false, true])
  func detached(mapped: Bool) throws {
    try withManager { box, manager in
      if mapped {
        box.config.mapUsers()
        // The container's root may not create it.
        try makeDirectory(box.rootfs + "/run/notify")
      }
      box.config.shell("\(say("STATUS=not yet\\n")); \(say("X=1\\nREADY=1\\n")); exec sleep 1000")
      var program = try box.prepare("run", ["--detach"])
      program.environment["NOTIFY_SOCKET"] = manager.path
      let outcome = try program.call()
      #expect(outcome.status == 0, "\(outcome)")
      let pid = try box.pid()
      #expect(manager.told() == "MAINPID=\(pid)\nREADY=1\n")
    }
  }

  @Test("start waits until the program is ready; create does not")
  func created() throws {
    try withManager { box, manager in
      box.config.shell("\(say("READY=1")); exec sleep 1000")
      var create = try box.prepare("create")
      create.environment["NOTIFY_SOCKET"] = manager.path
      let created = try create.call()
      #expect(created.status == 0, "\(created)")
      #expect(manager.told(within: 0) == "")
      var start = box.program(["start", box.id])
      start.environment["NOTIFY_SOCKET"] = manager.path
      try #expect(start.call().status == 0)
      let pid = try box.pid()
      #expect(manager.told() == "MAINPID=\(pid)\nREADY=1\n")
      try box.delete()
      expectNothingLeft(of: box)
    }
  }

  @Test("run in the foreground passes on that the program is ready")
  func foreground() throws {
    try withManager { box, manager in
      box.config.shell("\(say("READY=1")); read line")
      let gate = try Pipe()
      defer { close(gate.reading) }
      var program = try box.prepare("run")
      program.environment["NOTIFY_SOCKET"] = manager.path
      program.stdin = .descriptor(gate.reading)
      let running = try program.start()
      defer { running.forget() }
      #expect(manager.told() == "READY=1\n")
      close(gate.writing)
      _ = try running.wait()
      expectNothingLeft(of: box)
    }
  }

  @Test("A program that ends without a word is not waited for")
  func silent() throws {
    try withManager { box, manager in
      box.config.shell("true")
      var program = try box.prepare("run", ["--detach"])
      program.environment["NOTIFY_SOCKET"] = manager.path
      try #expect(program.call().status == 0)
      #expect(manager.told(within: 0) == "")
    }
  }

  @Test("--pidfd-socket gets the process", arguments: ["run", "create", "exec"])
  func pidfd(command: String) throws {
    try withSandbox { box in
      let socket = try ConsoleSocket(at: box.scratch.path + "/pidfd")
      let option = ["--pidfd-socket", socket.path]
      box.config["process.args"] = ["sleep", "1000"]
      var pid = 0
      switch command {
      case "run": try box.detach(option)
      case "create": try box.create(option)
      default:
        try box.detach()
        let file = box.scratch.path + "/pid"
        let exec = try box.exec(option + ["--detach", "--pid-file", file], "sleep", "1000")
        #expect(exec.status == 0, "\(exec)")
        pid = Int(contents(file) ?? "") ?? 0
      }
      if command != "exec" { pid = try box.pid() }
      let received = try socket.receiveDescriptor()
      defer { close(received.descriptor) }
      #expect(received.name == (command == "exec" ? "setns" : "standard"))
      let info = contents("/proc/self/fdinfo/\(received.descriptor)") ?? ""
      #expect(info.lines.contains("Pid:\t\(pid)"), "\(info)")
    }
  }

  @Test("A --pidfd-socket at which nobody listens is an error, and nothing is left")
  func nobodyListens() throws {
    try withSandbox { box in
      expectRefusal(try box.run(["--pidfd-socket", "/nowhere"]), saying: "--pidfd-socket /nowhere")
      expectNothingLeft(of: box)
    }
  }
}
