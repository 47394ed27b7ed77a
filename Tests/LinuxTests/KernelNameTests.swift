import Glibc
import Testing

@testable import Linux

private let capabilityHeader = "/usr/include/linux/capability.h"
private let limitHeader = "/usr/include/asm-generic/resource.h"

@Suite("Names and numbers of the kernel's")
struct KernelNameTests {
  /// The numbers that a header gives to names that start with `prefix`.
  static func definitions(_ prefix: String, in header: String) throws -> [String: Int] {
    var numbers: [String: Int] = [:]
    for line in try File.text(header).split(separator: "\n") {
      var words = line.split { $0 == " " || $0 == "\t" }[...]
      if words.first == "#" { words.removeFirst() }
      if words.first == "#define" || words.first == "define" { words.removeFirst() } else { continue }
      guard words.count >= 2, let name = words.first, name.hasPrefix(prefix),
        let number = Int(words[words.startIndex + 1])
      else { continue }
      numbers[String(name)] = number
    }
    return numbers
  }

  @Test(
    "Every capability has the number that the kernel's header gives it",
    .enabled(if: access(capabilityHeader, R_OK) == 0, "needs linux-libc-dev"))
  func capabilities() throws {
    let header = try Self.definitions("CAP_", in: capabilityHeader)
    #expect(header.count > 30)
    for (name, number) in header { #expect(Capabilities.number(of: name) == number, "\(name)") }
    #expect(Capabilities.names.count == 41)
  }

  @Test(
    "Every resource limit has the number that the kernel's header gives it",
    .enabled(if: access(limitHeader, R_OK) == 0, "needs linux-libc-dev"))
  func limits() throws {
    let header = try Self.definitions("RLIMIT_", in: limitHeader)
    #expect(header.count == ResourceLimit.names.count)
    for (name, number) in header { #expect(ResourceLimit.names.firstIndex(of: name) == number, "\(name)") }
  }

  @Test("What is no capability and no limit has no number")
  func unknown() {
    for name in ["", "CAP_", "cap_chown", "CHOWN", "CAP_CHOWN ", "CAP_NONSENSE"] {
      #expect(Capabilities.number(of: name) == nil)
    }
    for name in ["", "NOFILE", "rlimit_nofile", "RLIMIT_NONSENSE"] {
      #expect(ResourceLimit(named: name, soft: 0, hard: 0) == nil)
    }
  }

  @Test("A set of capabilities holds what is put into it")
  func set() {
    var set = Capabilities()
    set.insert(0)
    set.insert(40)
    #expect(set.rawValue == 1 | 1 << 40)
    #expect(set.contains(40) && !set.contains(39))
    #expect(set.intersection(Capabilities(rawValue: 1)).rawValue == 1)
  }

  @Test("A resource limit is the named one of this process")
  func limit() throws {
    var before = rlimit()
    getrlimit(__rlimit_resource_t(4), &before)
    let limit = try #require(
      ResourceLimit(named: "RLIMIT_CORE", soft: UInt64(before.rlim_cur), hard: UInt64(before.rlim_max)))
    #expect(limit.resource == 4)
    try limit.apply(to: 0)
    var after = rlimit()
    getrlimit(__rlimit_resource_t(4), &after)
    #expect(after.rlim_cur == before.rlim_cur && after.rlim_max == before.rlim_max)
  }

  @Test(
    "A time is written as RFC 3339 has it",
    arguments: [
      (0, "1970-01-01T00:00:00.000000000Z"), (1, "1970-01-01T00:00:00.000000001Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
      (1_700_000_000_120_000_000, "2023-11-14T22:13:20.120000000Z"),
      (Int64.max, "2262-04-11T23:47:16.854775807Z"),
    ] as [(Int64, String)])
  func clock(nanoseconds: Int64, text: String) {
    #expect(Clock.text(nanoseconds) == text)
  }

  @Test("The wall clock is that of the files")
  func now() throws {
    let scratch = try Scratch()
    var status = stat()
    #expect(stat(scratch.path, &status) == 0)
    let made = Int64(status.st_mtim.tv_sec) * 1_000_000_000
    #expect((made..<(made + 3_600_000_000_000)).contains(Clock.now()))
  }
}
