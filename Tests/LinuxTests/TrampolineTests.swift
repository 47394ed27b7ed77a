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
    #expect(Array(bytes[18..<20]) == Array(try File.read("/proc/self/exe")[18..<20]))
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

  /// Runs the image with a pipe as its report descriptor, and returns how it ended and what it reported.
  func run(_ arguments: [String]) throws -> (status: Linux.ExitStatus, report: [UInt8]) {
    let trampoline = try Trampoline(reportingTo: 9)
    let report = try FileDescriptor.pipe()
    let pid = try start(
      "/proc/self/fd/\(trampoline.image.rawValue)", arguments, descriptor: report.write.rawValue)
    let process = try Pidfd(of: pid)
    close(report.write.release())
    let bytes = try report.read.readToEnd()
    return (try process.wait(), bytes)
  }

  @Test("It executes a path with the other arguments and its environment, and the report descriptor closes")
  func executes() throws {
    let script = #"[ "$0" = zero ] && [ "$1" = "two words" ] && [ $# = 1 ] && [ "$MARK" = set ]"#
    let check = "\(script) && ! [ -e /proc/self/fd/9 ] && exit 42"
    let outcome = try run(["/bin/sh", "sh", "-c", check, "zero", "two words"])
    #expect(outcome.status == .exited(42))
    #expect(outcome.report.isEmpty)
  }

  @Test("It reports why it cannot execute, and exits with 127")
  func reports() throws {
    let missing = try run(["/nonesuch", "nonesuch"])
    #expect(missing.status == .exited(127))
    #expect(Trampoline.error(in: missing.report) == .noSuchFileOrDirectory)
    let directory = try run(["/tmp", "tmp"])
    #expect(Trampoline.error(in: directory.report) == .permissionDenied)
  }

  @Test("Without a report descriptor it exits with 127 at once")
  func unreported() throws {
    let trampoline = try Trampoline(reportingTo: 4000)
    let pid = try start("/proc/self/fd/\(trampoline.image.rawValue)", ["/bin/true", "true"])
    #expect(try Pidfd(of: pid).wait() == .exited(127))
  }

  @Test("Only eight bytes that are an error number are a report")
  func decoding() {
    func message(_ number: Int64) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
    #expect(Trampoline.error(in: message(-2)) == .noSuchFileOrDirectory)
    #expect(Trampoline.error(in: message(-4095))?.rawValue == 4095)
    for number in [0, 2, -4096, .min, .max] as [Int64] {
      #expect(Trampoline.error(in: message(number)) == nil)
    }
    #expect(Trampoline.error(in: []) == nil)
    #expect(Trampoline.error(in: Array(message(-2).dropLast())) == nil)
    #expect(Trampoline.error(in: Array("Eeeeeeee".utf8)) == nil)
  }

  @Test("Strings for execve end with a null pointer, and are copies")
  func strings() {
    let array = CStringArray(["", "a b", "ü"])
    #expect((0..<3).map { array.pointers[$0].map { String(cString: $0) } } == ["", "a b", "ü"])
    #expect(array.pointers[3] == nil)
    #expect(CStringArray([]).pointers[0] == nil)
  }
}
