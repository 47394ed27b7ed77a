import Foundation

/// A program that makes system calls of this machine's own convention, with arguments that are all 0: it prints a byte for each,
/// the error's number or 0.
enum SystemCalls {
  /// Writes the program that makes the calls `numbers`.
  static func write(_ numbers: [UInt32], to path: String) throws {
    try Executable.lock.withLock { try Data(elf(numbers)).write(to: URL(fileURLWithPath: path)) }
    chmod(path, 0o755)
  }

  private static func elf(_ numbers: [UInt32]) -> [UInt8] {
    let code = numbers.flatMap(call) + end
    let address: UInt64 = 0x40_0000
    let start: UInt64 = 120
    let length = start + UInt64(code.count)
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    func add<Number: FixedWidthInteger>(_ numbers: Number...) {
      for number in numbers { bytes += Self.bytes(number) }
    }
    add(2, machine)
    add(1 as UInt32)
    add(address + start, 64, 0)
    add(0 as UInt32)
    add(64, 56, 1, 0, 0, 0 as UInt16)
    add(1, 5 as UInt32)
    add(0, address, address, length, length, 0x1000)
    return bytes + code
  }

  private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  #if arch(x86_64)
    private static let machine: UInt16 = 62
    private static func call(_ number: UInt32) -> [UInt8] {
      // Each argument is 0.
      [0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2, 0x4d, 0x31, 0xd2, 0x4d, 0x31, 0xc0, 0x4d, 0x31, 0xc9]
        + [0xb8] + bytes(number) + [0x0f, 0x05]  // mov eax, number; syscall
        + [0xf7, 0xd8, 0x88, 0x44, 0x24, 0xf0]  // neg eax; mov [rsp-16], al
        // write(1, rsp - 16, 1)
        + [0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x74, 0x24, 0xf0, 0xba, 1, 0, 0, 0]
        + [0xb8, 1, 0, 0, 0, 0x0f, 0x05]  // write
    }
    private static let end: [UInt8] = [0x31, 0xff, 0xb8, 231, 0, 0, 0, 0x0f, 0x05]
  #else
    private static let machine: UInt16 = 183
    private static func call(_ number: UInt32) -> [UInt8] {
      let instructions: [UInt32] =
        // Each argument is 0.
        [0xd280_0000, 0xd280_0001, 0xd280_0002, 0xd280_0003, 0xd280_0004, 0xd280_0005]
        + [0x5280_0008 | number << 5, 0xd400_0001]  // mov w8, number; svc 0
        + [0x4b00_03e9, 0x381f_03e9]  // neg w9, w0; sturb w9, [sp, -16]
        // write(1, sp - 16, 1)
        + [0xd280_0020, 0xd100_43e1, 0xd280_0022, 0x5280_0808, 0xd400_0001]
      return instructions.flatMap(bytes)
    }
    private static let end: [UInt8] = ([0xd280_0000, 0x5280_0bc8, 0xd400_0001] as [UInt32]).flatMap(bytes)
  #endif
}
