import Glibc
import Testing

@testable import Linux

@Suite("The trampoline")
struct TrampolineTests {
  @Test("Its image is an ELF executable that holds its entry point, writable nowhere")
  func header() throws {
    let trampoline = try Trampoline(reportingTo: 9)
    let bytes = try File.read("/proc/self/fd/\(trampoline.image.rawValue)")
    func number(_ offset: Int, _ size: Int) -> UInt64 {
      bytes[offset..<(offset + size)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    #expect(Array(bytes[..<7]) == [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    #expect(number(16, 2) == 2, "not ET_EXEC")
    // The same machine as this program's own.
    var own = [UInt8](repeating: 0, count: 20)
    _ = try own.withUnsafeMutableBytes { try FileDescriptor.open("/proc/self/exe", .readOnly).read(into: $0) }
    #expect(bytes[18..<20] == own[18..<20])
    let entry = number(24, 8)
    let table = Int(number(32, 8))
    let entrySize = Int(number(54, 2))
    #expect(number(52, 2) == 64 && entrySize == 56)
    var kinds: [UInt64] = []
    for index in 0..<Int(number(56, 2)) {
      let start = table + index * entrySize
      let flags = number(start + 4, 4)
      kinds.append(number(start, 4))
      guard number(start, 4) == 1 else {
        #expect(flags & 1 == 0, "the stack is executable")
        continue
      }
      #expect(flags == 5, "not just readable and executable")
      let offset = number(start + 8, 8)
      let address = number(start + 16, 8)
      let length = number(start + 32, 8)
      #expect(offset + length == UInt64(bytes.count))
      #expect((address..<(address + length)).contains(entry))
      #expect((entry - address) % 4 == 0)
    }
    #expect(kinds == [1, 0x6474_e551])
  }

  @Test("Its image cannot be changed")
  func sealed() throws {
    let trampoline = try Trampoline(reportingTo: 9)
    #expect(throws: Errno.notPermitted) { try trampoline.image.writeAll([0]) }
    #expect(ftruncate(trampoline.image.rawValue, 0) == -1)
  }

  struct Run: ~Copyable {
    let process: Int32
    let report: Socket

    func answer() throws -> Trampoline.Answer? { .init(try report.receive().bytes) }

    func sibling() throws -> Int32 {
      guard case .pid(let pid) = try answer() else { throw Errno.noSuchProcess }
      return pid
    }
  }

  /// Starts the image with a socket as its report descriptor, number 9, and `fifo` as number 10.
  func launch(
    _ arguments: [String], _ prelude: Trampoline.Prelude = .none, fifo: Int32? = nil
  ) throws -> Run {
    let trampoline = try Trampoline(reportingTo: 9, prelude: prelude)
    let report = try Socket.pair()
    // Not one of the numbers that the program's descriptors get.
    let image = try trampoline.image.duplicate(lowest: 64)
    let pid = try start(
      "/proc/self/fd/\(image.rawValue)", arguments,
      descriptors: [report.there.descriptor.rawValue] + (fifo.map { [$0] } ?? []))
    return Run(process: pid, report: report.here)
  }

  @Test("It executes a path with the other arguments and its environment, and the report descriptor closes")
  func executes() throws {
    let script = #"[ "$0" = zero ] && [ "$1" = "two words" ] && [ $# = 1 ] && [ "$MARK" = set ]"#
    let check = "\(script) && ! [ -e /proc/self/fd/9 ] && exit 42"
    let run = try launch(["/bin/sh", "sh", "-c", check, "zero", "two words"])
    let said = try run.report.receive().bytes
    #expect(said.isEmpty)
    #expect(try Pidfd(of: run.process).wait() == .exited(42))
  }

  @Test("It reports why it cannot execute, and exits with 127")
  func reports() throws {
    for (path, reason) in [("/nonesuch", Errno.noSuchFileOrDirectory), ("/tmp", .permissionDenied)] {
      let run = try launch([path, "name"])
      let said = try run.answer()
      #expect(said == .failure(reason))
      #expect(try Pidfd(of: run.process).wait() == .exited(127))
    }
  }

  @Test("It says that it waits, and executes when it is told to, with both descriptors closed")
  func waits() throws {
    let fifo = try FileDescriptor.pipe()
    let check = "! [ -e /proc/self/fd/9 ] && ! [ -e /proc/self/fd/10 ] && exit 42"
    let run = try launch(
      ["/bin/sh", "sh", "-c", check], .wait(ready: 0x21, fifo: 10), fifo: fifo.read.rawValue)
    let ready = try run.report.receive().bytes
    #expect(ready == [0x21])
    // To nobody of the same user's alone.
    if getuid() == 0 {
      let image = try File.symbolicLink("/proc/\(run.process)/exe")
      #expect(image.hasPrefix("/memfd:"))
    } else {
      #expect(throws: Errno.permissionDenied) { try File.symbolicLink("/proc/\(run.process)/exe") }
    }
    try fifo.write.writeAll([1])
    let said = try run.report.receive().bytes
    #expect(said.isEmpty)
    #expect(try Pidfd(of: run.process).wait() == .exited(42))
  }

  @Test("It exits when nobody is left who could tell it to go on")
  func abandoned() throws {
    let fifo = try FileDescriptor.pipe()
    let run = try launch(["/bin/true", "true"], .wait(ready: 0x21, fifo: 10), fifo: fifo.read.rawValue)
    close(fifo.write.release())
    #expect(try Pidfd(of: run.process).wait() == .exited(1))
    let pids: (first: Int32, sibling: Int32)
    do {
      let run = try launch(["/bin/true", "true"], .becomeSibling(takesTerminal: false))
      pids = (run.process, try run.sibling())
    }
    #expect(try Pidfd(of: pids.sibling).wait() == .exited(127))
    #expect(try Pidfd(of: pids.first).wait() == .exited(0))
  }

  @Test("Its sibling is a child of its parent's, and executes in a session of its own when it is told to")
  func sibling() throws {
    let check = #"set -- $(cat /proc/$$/stat); [ $4 = "$0" ] && [ $5 = $$ ] && [ $6 = $$ ] && exit 42"#
    let run = try launch(
      ["/bin/sh", "sh", "-c", check, "\(getpid())"], .becomeSibling(takesTerminal: false))
    let pid = try run.sibling()
    #expect(try Pidfd(of: run.process).wait() == .exited(0))
    try run.report.send([1])
    let said = try run.report.receive().bytes
    #expect(said.isEmpty)
    #expect(try Pidfd(of: pid).wait() == .exited(42))
  }

  @Test("Its sibling reports why it cannot execute")
  func siblingReports() throws {
    let run = try launch(["/nonesuch", "nonesuch"], .becomeSibling(takesTerminal: true))
    let pid = try run.sibling()
    try run.report.send([1])
    let said = try run.answer()
    #expect(said == .failure(.noSuchFileOrDirectory))
    #expect(try Pidfd(of: pid).wait() == .exited(127))
    #expect(try Pidfd(of: run.process).wait() == .exited(0))
  }

  @Test("Without a report descriptor it exits with 127 at once")
  func unreported() throws {
    let trampoline = try Trampoline(reportingTo: 4000)
    let pid = try start("/proc/self/fd/\(trampoline.image.rawValue)", ["/bin/true", "true"])
    #expect(try Pidfd(of: pid).wait() == .exited(127))
  }

  @Test("Only eight bytes that are an error number or a pid are an answer")
  func decoding() {
    func message(_ number: Int64) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
    for answer in [
      .failure(.noSuchFileOrDirectory), .failure(Errno(rawValue: 4095)), .pid(1), .pid(.max), .listener(0),
      .listener(.max), .unfiltered(.invalidArgument), .privileged(.notPermitted),
    ] as [Trampoline.Answer] {
      #expect(Trampoline.Answer(answer.message) == answer)
    }
    #expect(Trampoline.Answer(message(-2)) == .failure(.noSuchFileOrDirectory))
    for number in [0, 1 << 31, 1 << 32 | 1 << 31, 2 << 32 | 1, 4 << 32 | 1, -4096, .min, .max] as [Int64] {
      #expect(Trampoline.Answer(message(number)) == nil)
    }
    #expect(Trampoline.Answer([]) == nil)
    #expect(Trampoline.Answer(Array(message(-2).dropLast())) == nil)
    #expect(Trampoline.Answer(Array("Eeeeeeee".utf8)) == nil)
  }

  @Test("Strings for execve end with a null pointer, and are copies")
  func strings() {
    let array = CStringArray(["", "a b", "ü"])
    #expect((0..<3).map { array.pointers[$0].map { String(cString: $0) } } == ["", "a b", "ü"])
    #expect(array.pointers[3] == nil)
    #expect(CStringArray([]).pointers[0] == nil)
  }
}
