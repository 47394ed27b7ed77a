import Foundation
import Testing

@Suite("Streams of a foreground run")
struct StreamTests {
  @Test("Bytes pass through stdin and stdout untouched")
  func binary() throws {
    try withSandbox { box in
      box.config["process.args"] = ["cat"]
      var bytes = Data((0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) })
      bytes.append(contentsOf: [0, 0xff, 0x0d, 0x0a, 0x04, 0x03])
      let path = box.scratch.path + "/input"
      try bytes.write(to: URL(fileURLWithPath: path))
      var run = try box.prepare("run")
      let input = open(path, O_RDONLY | O_CLOEXEC)
      defer { close(input) }
      run.stdin = .descriptor(input)
      let outcome = try run.call()
      #expect(outcome.status == 0 && outcome.stderr == "")
      #expect(outcome.stdout == bytes)
    }
  }

  @Test("stdin is a pipe inside when it is one outside, and its end arrives")
  func pipe() throws {
    try withSandbox { box in
      box.config.shell("readlink /proc/self/fd/0; cat; echo end")
      let ends = try Pipe()
      var program = try box.prepare("run")
      program.stdin = .descriptor(ends.reading)
      let run = try program.start()
      defer { run.forget() }
      close(ends.reading)
      _ = Glibc.write(ends.writing, "hello\n", 6)
      #expect(poll { run.text.contains("hello") })
      close(ends.writing)
      let outcome = try run.wait()
      #expect(outcome.lines.first?.hasPrefix("pipe:") == true && outcome.lines.last == "end", "\(outcome)")
    }
  }

  @Test("stdout and stderr stay apart")
  func streams() throws {
    try withSandbox { box in
      box.config.shell("echo out; echo err >&2")
      let outcome = try box.run()
      #expect(outcome.text == "out" && outcome.stderr == "err\n", "\(outcome)")
    }
  }

  @Test("A closed stdin does no harm and exposes no other descriptor")
  func closedInput() throws {
    try withSandbox { box in
      box.config.shell("readlink /proc/self/fd/0 || echo closed; echo end")
      var run = try box.prepare("run")
      run.stdin = .closed
      let outcome = try run.call()
      #expect(outcome.status == 0 && outcome.lines.last == "end", "\(outcome)")
      #expect(["closed", "/dev/null"].contains(outcome.lines.first), "\(outcome)")
    }
  }

  @Test("--preserve-fds passes so many descriptors after stderr, and no more", arguments: [0, 2])
  func preserve(count: Int) throws {
    try withSandbox { box in
      let files = try (0..<3).map { number in
        try write("file \(number)", to: box.scratch.path + "/\(number)")
        return open(box.scratch.path + "/\(number)", O_RDONLY | O_CLOEXEC)
      }
      defer { for file in files { close(file) } }
      box.config.shell("for i in 3 4 5; do [ -e /proc/self/fd/$i ] && cat <&$i; echo; done")
      var run = try box.prepare("run", ["--preserve-fds", "\(count)"])
      run.extra = files
      let outcome = try run.call()
      let wanted = count == 0 ? [] : ["file 0", "file 1"]
      #expect(outcome.lines == wanted, "\(outcome)")
    }
  }

  @Test("A container whose program runs on is not disturbed when a foreground run's caller closes stdout")
  func brokenPipe() throws {
    try withSandbox { box in
      box.config.shell("echo one; sleep 0.1; echo two 2>/dev/null; exit 4")
      let ends = try Pipe()
      var program = try box.prepare("run")
      program.stdout = .descriptor(ends.writing)
      let run = try program.start()
      defer { run.forget() }
      close(ends.writing)
      close(ends.reading)
      let status = try run.wait().status
      #expect(status == 4 || status == 128 + Int(SIGPIPE))
    }
  }

  @Test("A stream that is closed is /dev/null inside, and no file of the runtime's")
  func closedStreams() throws {
    try withSandbox { box in
      box.config.shell("readlink /proc/self/fd/0; readlink /proc/self/fd/2")
      var program = try box.prepare("run")
      program.stdin = .closed
      program.stderr = .closed
      let outcome = try program.call()
      #expect(outcome.lines == ["/dev/null", "/dev/null"], "\(outcome)")
    }
  }
}
