@testable import Linux

/// A system call as a filter sees it (linux/seccomp.h, struct `seccomp_data`).
struct FilteredCall: CustomStringConvertible {
  var number: UInt32
  var architecture: UInt32
  var arguments: [UInt64] = [0, 0, 0, 0, 0, 0]

  var description: String {
    "call \(String(number, radix: 16)) of \(String(architecture, radix: 16)) with \(arguments.map { String($0, radix: 16) })"
  }

  /// The word at `offset`.
  func word(_ offset: UInt32) -> UInt32? {
    switch offset {
    case 0: return number
    case 4: return architecture
    case 16..<64 where offset % 4 == 0:
      let argument = arguments[Int(offset - 16) / 8]
      return UInt32(truncatingIfNeeded: offset % 8 == 0 ? argument : argument >> 32)
    default: return nil
    }
  }
}

/// Runs filters as the kernel does.
enum FilterInterpreter {
  struct Fault: Error { let reason: String }

  /// The answer of `program` to `call`, and whether an argument had a part in it.
  static func run(
    _ program: [UInt64], _ call: FilteredCall
  ) throws -> (answer: UInt32, looksAtArguments: Bool, steps: Int) {
    var accumulator: UInt32 = 0
    var next = 0
    var steps = 0
    var looksAtArguments = false
    while program.indices.contains(next) {
      let word = program[next]
      next += 1
      steps += 1
      let operand = UInt32(truncatingIfNeeded: word >> 32)
      func jump(_ condition: Bool) { next += Int(UInt8(truncatingIfNeeded: word >> (condition ? 16 : 24))) }
      switch UInt16(truncatingIfNeeded: word) {
      case 0x20:
        guard let value = call.word(operand) else {
          throw Fault(reason: "loads what is not there: \(operand)")
        }
        accumulator = value
        if operand >= 16 { looksAtArguments = true }
      case 0x54: accumulator &= operand
      case 0x05: next += Int(operand)
      case 0x15: jump(accumulator == operand)
      case 0x25: jump(accumulator > operand)
      case 0x35: jump(accumulator >= operand)
      case 0x06: return (operand, looksAtArguments, steps)
      case let code: throw Fault(reason: "operation \(code) is not known")
      }
    }
    throw Fault(reason: "leaves the program")
  }
}
