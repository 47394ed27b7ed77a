import Testing

@testable import Linux

@Suite("System call filters")
struct SystemCallFilterTests {
  struct Fault: Error { let reason: String }

  /// Runs a program as the kernel would where it looks for calls that are always allowed, which knows these operations alone.
  static func run(_ program: [UInt64], number: UInt32, architecture: UInt32) throws -> UInt32 {
    var accumulator: UInt32 = 0
    var next = 0
    while program.indices.contains(next) {
      let word = program[next]
      next += 1
      let operand = UInt32(truncatingIfNeeded: word >> 32)
      func jump(_ condition: Bool) { next += Int(UInt8(truncatingIfNeeded: word >> (condition ? 16 : 24))) }
      switch UInt16(truncatingIfNeeded: word) {
      case 0x20:
        guard operand == 0 || operand == 4 else {
          throw Fault(reason: "loads what differs from call to call")
        }
        accumulator = operand == 0 ? number : architecture
      case 0x54: accumulator &= operand
      case 0x15: jump(accumulator == operand)
      case 0x25: jump(accumulator > operand)
      case 0x35: jump(accumulator >= operand)
      case 0x06: return operand
      case let code: throw Fault(reason: "operation \(code) is not known")
      }
    }
    throw Fault(reason: "leaves the program")
  }

  /// The numbers that are refused by the convention `architecture`, when all others are allowed.
  static func refused(_ architecture: UInt32) throws -> [UInt32] {
    let numbers = [0..<1024, 0x4000_0000..<0x4000_0400, 0x8000_0000..<0x8000_0400, 0xffff_fc00..<UInt32.max]
    var refused: [UInt32] = []
    for number in numbers.joined() {
      switch try run(SystemCallFilter.keyrings.instructions, number: number, architecture: architecture) {
      case 0x7fff_0000: continue
      case 0x0005_0001: refused.append(number)
      case let answer: throw Fault(reason: "call \(number) is answered \(answer)")
      }
    }
    return refused
  }

  @Test("add_key, request_key and keyctl are refused by each convention, and nothing else")
  func keyrings() throws {
    #if arch(x86_64)
      try #expect(Self.refused(0xc000_003e) == [248, 249, 250, 0x4000_00f8, 0x4000_00f9, 0x4000_00fa])
      try #expect(Self.refused(0x4000_0003) == [286, 287, 288])
    #else
      try #expect(Self.refused(0xc000_00b7) == [217, 218, 219])
      try #expect(Self.refused(0x4000_0028) == [309, 310, 311])
    #endif
  }

  @Test("Who calls by another convention is killed", arguments: [0, 0xc000_00f3, 0xffff_ffff] as [UInt32])
  func unknown(architecture: UInt32) throws {
    for number in [0, 60, 248, 0x4000_00f8] as [UInt32] {
      let program = SystemCallFilter.keyrings.instructions
      try #expect(Self.run(program, number: number, architecture: architecture) == 0x8000_0000)
    }
  }
}
