import Foundation

/// A program that tries `add_key`, `request_key` and `keyctl`, with arguments that cannot be, by each convention of the
/// kernel's: it prints a byte for each, the error's number behind "0".
enum KeyCalls {
  /// Writes it to a file.
  static func write(to path: String) throws {
    try Executable.lock.withLock { try Data(elf).write(to: URL(fileURLWithPath: path)) }
    chmod(path, 0o755)
  }

  /// What it prints where all are refused with `EPERM`: as much as on the host, whose kernel may lack a convention.
  static func refused() throws -> String {
    let scratch = Scratch()
    defer { scratch.remove() }
    let path = scratch.path + "/calls"
    try write(to: path)
    let outcome = try Program(path, []).call()
    guard outcome.stdout.count >= 3, !outcome.stdout.contains(UInt8(ascii: "1")) else {
      throw Broken("the host's own: \(outcome)")
    }
    return String(repeating: "1", count: outcome.stdout.count)
  }

  private static var elf: [UInt8] {
    let address: UInt64 = 0x40_0000
    let start: UInt64 = 120
    let length = start + UInt64(code.count)
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    func add<Number: FixedWidthInteger>(_ numbers: Number...) {
      for number in numbers {
        bytes += (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
      }
    }
    add(2, machine)
    add(1 as UInt32)
    add(address + start, 64, 0)
    add(0 as UInt32)
    add(64, 56, 1, 0, 0, 0 as UInt16)
    // One segment, readable and executable.
    add(1, 5 as UInt32)
    add(0, address, address, length, length, 0x1000)
    return bytes + code
  }

  #if arch(x86_64)
    private static let machine: UInt16 = 62
    private static let code: [UInt8] = [
      0x48, 0x83, 0xec, 0x10,  // sub rsp, 16
      0x49, 0x89, 0xe4,  // mov r12, rsp
      0xbd, 0xf8, 0x00, 0x00, 0x00,  // mov ebp, 248
      0x89, 0xe8,  // mov eax, ebp
      0xe8, 0x5f, 0x00, 0x00, 0x00,  // call CALL
      0x81, 0xfd, 0xfb, 0x00, 0x00, 0x00,  // cmp ebp, 251
      0x75, 0xf1,  // jne
      0xbd, 0xf8, 0x00, 0x00, 0x40,  // mov ebp, 0x400000f8: x32
      0x89, 0xe8,  // mov eax, ebp
      0xe8, 0x4b, 0x00, 0x00, 0x00,  // call CALL
      0x81, 0xfd, 0xfb, 0x00, 0x00, 0x40,  // cmp ebp, 0x400000fb
      0x75, 0xf1,  // jne
      0xba, 0x06, 0x00, 0x00, 0x00,  // mov edx, 6
      0xe8, 0x60, 0x00, 0x00, 0x00,  // call WRITE
      0xbd, 0x1e, 0x01, 0x00, 0x00,  // mov ebp, 286: i386
      0x89, 0xe8,  // mov eax, ebp
      0xbb, 0x0b, 0x00, 0x00, 0x00,  // mov ebx, 11
      0xb9, 0x9c, 0xff, 0xff, 0xff,  // mov ecx, -100
      0x31, 0xd2, 0x31, 0xf6, 0x31, 0xff,  // xor edx, edx; xor esi, esi; xor edi, edi
      0xcd, 0x80,  // int 0x80
      0xe8, 0x31, 0x00, 0x00, 0x00,  // call KEEP
      0x81, 0xfd, 0x21, 0x01, 0x00, 0x00,  // cmp ebp, 289
      0x75, 0xdf,  // jne
      0xba, 0x03, 0x00, 0x00, 0x00,  // mov edx, 3
      0xe8, 0x30, 0x00, 0x00, 0x00,  // call WRITE
      0x31, 0xff,  // xor edi, edi
      0xb8, 0xe7, 0x00, 0x00, 0x00,  // mov eax, 231
      0x0f, 0x05,  // syscall
      // CALL
      0xbf, 0x0b, 0x00, 0x00, 0x00,  // mov edi, 11
      0x48, 0xc7, 0xc6, 0x9c, 0xff, 0xff, 0xff,  // mov rsi, -100
      0x31, 0xd2, 0x45, 0x31, 0xd2, 0x45, 0x31, 0xc0,  // xor edx, edx; xor r10d, r10d; xor r8d, r8d
      0x0f, 0x05,  // syscall
      // KEEP
      0xb9, 0x30, 0x00, 0x00, 0x00,  // mov ecx, '0'
      0x29, 0xc1,  // sub ecx, eax
      0x41, 0x88, 0x0c, 0x24,  // mov [r12], cl
      0x49, 0xff, 0xc4,  // inc r12
      0xff, 0xc5,  // inc ebp
      0xc3,  // ret
      // WRITE
      0x49, 0x29, 0xd4,  // sub r12, rdx
      0x4c, 0x89, 0xe6,  // mov rsi, r12
      0xbf, 0x01, 0x00, 0x00, 0x00,  // mov edi, 1
      0xb8, 0x01, 0x00, 0x00, 0x00,  // mov eax, 1
      0x0f, 0x05,  // syscall
      0xc3,  // ret
    ]
  #else
    private static let machine: UInt16 = 183
    private static let code: [UInt8] = [
      0xd100_43ff,  // sub sp, sp, 16
      0x9100_03f3,  // mov x19, sp
      0x5280_1b34,  // mov w20, 217
      0x2a14_03e8,  // mov w8, w20
      0xd280_0160,  // mov x0, 11
      0x9280_0c61,  // mov x1, -100
      0xd280_0002, 0xd280_0003, 0xd280_0004,  // mov x2, 0; mov x3, 0; mov x4, 0
      0xd400_0001,  // svc 0
      0x5280_0609,  // mov w9, '0'
      0x4b00_0129,  // sub w9, w9, w0
      0x3800_1669,  // strb w9, [x19], 1
      0x1100_0694,  // add w20, w20, 1
      0x7103_729f,  // cmp w20, 220
      0x54ff_fe81,  // b.ne
      0xd280_0020, 0x9100_03e1, 0xd280_0062, 0x5280_0808,  // mov x0, 1; mov x1, sp; mov x2, 3; mov w8, 64
      0xd400_0001,  // svc 0
      0xd280_0000, 0x5280_0bc8,  // mov x0, 0; mov w8, 94
      0xd400_0001,  // svc 0
    ].flatMap { (instruction: UInt32) in (0..<4).map { UInt8(truncatingIfNeeded: instruction >> ($0 * 8)) } }
  #endif
}
