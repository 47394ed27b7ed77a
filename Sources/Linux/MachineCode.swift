/// Instructions of the machine that this program is built for: system calls in a row, and what is done upon their results.
///
/// From `begin` on the stack pointer points to eight bytes of scratch.
struct MachineCode: Equatable {
  private(set) var bytes: [UInt8] = []

  /// A system call.
  enum Call {
    case capset, clone, close, execve, exitGroup, fcntl, ioctl, prctl, read, seccomp, sendto, setsid, write
  }

  /// Makes the system call `call` with `numbers`, at most six.
  static func call(_ call: Call, _ numbers: UInt32...) -> MachineCode {
    var code = MachineCode()
    for (register, number) in numbers.enumerated() { code.move(number, to: register) }
    code.invoke(call)
    return code
  }

  /// Has `call`, of the kind of `read`, `write` and `sendto`, move `count` bytes between the scratch and the descriptor
  /// number `descriptor`.
  static func transfer(
    _ call: Call, _ descriptor: Int32, count: UInt32, flags: UInt32 = 0
  ) -> MachineCode {
    var code = MachineCode()
    code.move(UInt32(bitPattern: descriptor), to: 0)
    code.moveScratch()
    code.move(count, to: 2)
    code.move(flags, to: 3)
    code.move(0, to: 4)
    code.move(0, to: 5)
    code.invoke(call)
    return code
  }

  static func + (first: MachineCode, second: MachineCode) -> MachineCode {
    MachineCode(bytes: first.bytes + second.bytes)
  }
}

#if arch(x86_64)
  extension MachineCode {
    /// `EM_X86_64`
    static let machine: UInt16 = 62

    /// Keeps the stack's place in `rbx`, and makes room for the scratch.
    static let begin = MachineCode(bytes: [
      0x48, 0x89, 0xe3,  // mov rbx, rsp
      0x48, 0x83, 0xec, 0x10,  // sub rsp, 16
    ])

    /// Executes the first of the program's arguments, with the others from number 0 and its environment.
    static let execve =
      MachineCode(bytes: [
        0x48, 0x8b, 0x7b, 0x08,  // mov rdi, [rbx+8]         argv[0], the path
        0x48, 0x8d, 0x73, 0x10,  // lea rsi, [rbx+16]        argv + 1
        0x48, 0x8b, 0x0b,  // mov rcx, [rbx]                 argc
        0x48, 0x8d, 0x54, 0xcb, 0x10,  // lea rdx, [rbx+rcx*8+16]  envp
      ]) + call(.execve)

    /// Puts the last call's result into the scratch.
    static let saveResult = MachineCode(bytes: [0x48, 0x89, 0x04, 0x24])  // mov [rsp], rax

    /// Puts `mark` into the high half of the scratch.
    static func mark(_ mark: UInt16) -> MachineCode {
      MachineCode(bytes: [0xc7, 0x44, 0x24, 0x04] + littleEndian(UInt32(mark)))  // mov dword [rsp+4], mark
    }

    /// Puts `byte` into the scratch.
    static func save(_ byte: UInt8) -> MachineCode {
      MachineCode(bytes: [0xc6, 0x04, 0x24, byte])  // mov byte [rsp], byte
    }

    static func ifNegative(_ block: MachineCode) -> MachineCode {
      MachineCode(bytes: [0x48, 0x85, 0xc0, 0x0f, 0x89]).over(block)  // test rax, rax; jns
    }

    static func ifNotZero(_ block: MachineCode) -> MachineCode {
      MachineCode(bytes: [0x48, 0x85, 0xc0, 0x0f, 0x84]).over(block)  // test rax, rax; jz
    }

    static func ifNotOne(_ block: MachineCode) -> MachineCode {
      MachineCode(bytes: [0x48, 0x83, 0xf8, 0x01, 0x0f, 0x84]).over(block)  // cmp rax, 1; je
    }

    private func over(_ block: MachineCode) -> MachineCode {
      self + MachineCode(bytes: littleEndian(UInt32(block.bytes.count))) + block
    }

    /// Moves `number` into the register of the argument `index`.
    private mutating func move(_ number: UInt32, to index: Int) {
      switch index {
      case 0: bytes += [0xbf]  // mov edi, number
      case 1: bytes += [0xbe]  // mov esi, number
      case 2: bytes += [0xba]  // mov edx, number
      case 3: bytes += [0x41, 0xba]  // mov r10d, number
      case 4: bytes += [0x41, 0xb8]  // mov r8d, number
      default: bytes += [0x41, 0xb9]  // mov r9d, number
      }
      bytes += littleEndian(number)
    }

    /// Moves the address of the scratch into the register of the second argument.
    private mutating func moveScratch() { bytes += [0x48, 0x89, 0xe6] }  // mov rsi, rsp

    private mutating func invoke(_ call: Call) {
      bytes += [0xb8] + littleEndian(call.number)  // mov eax, call
      bytes += [0x0f, 0x05]  // syscall
    }
  }

  extension MachineCode.Call {
    fileprivate var number: UInt32 {
      switch self {
      case .read: 0
      case .write: 1
      case .close: 3
      case .ioctl: 16
      case .sendto: 44
      case .clone: 56
      case .execve: 59
      case .fcntl: 72
      case .setsid: 112
      case .capset: 126
      case .prctl: 157
      case .exitGroup: 231
      case .seccomp: 317
      }
    }
  }
#elseif arch(arm64)
  extension MachineCode {
    /// `EM_AARCH64`
    static let machine: UInt16 = 183

    /// Keeps the stack's place in `x19`, and makes room for the scratch.
    static let begin = MachineCode([
      0x9100_03f3,  // mov x19, sp
      0xd100_43ff,  // sub sp, sp, 16
    ])

    /// Executes the first of the program's arguments, with the others from number 0 and its environment.
    static let execve =
      MachineCode([
        0xf940_0660,  // ldr x0, [x19, 8]         argv[0], the path
        0x9100_4261,  // add x1, x19, 16          argv + 1
        0xf940_0263,  // ldr x3, [x19]            argc
        0x8b03_0c22,  // add x2, x1, x3, lsl 3    envp
      ]) + call(.execve)

    /// Puts the last call's result into the scratch.
    static let saveResult = MachineCode([0xf900_03e0])  // str x0, [sp]

    /// Puts `mark` into the high half of the scratch.
    static func mark(_ mark: UInt16) -> MachineCode {
      MachineCode([0x5280_0009 | UInt32(mark) << 5, 0xb900_07e9])  // mov w9, mark; str w9, [sp, 4]
    }

    /// Puts `byte` into the scratch.
    static func save(_ byte: UInt8) -> MachineCode {
      MachineCode([0x5280_0009 | UInt32(byte) << 5, 0x3900_03e9])  // mov w9, byte; strb w9, [sp]
    }

    static func ifNegative(_ block: MachineCode) -> MachineCode {
      MachineCode([0xb6f8_0000 | block.length << 5]) + block  // tbz x0, 63
    }

    static func ifNotZero(_ block: MachineCode) -> MachineCode {
      MachineCode([0xb400_0000 | block.length << 5]) + block  // cbz x0
    }

    static func ifNotOne(_ block: MachineCode) -> MachineCode {
      MachineCode([0xf100_041f, 0x5400_0000 | block.length << 5]) + block  // cmp x0, 1; b.eq
    }

    private init(_ instructions: [UInt32]) { bytes = instructions.flatMap(littleEndian) }

    /// How far a branch goes to pass over this code and itself, in instructions.
    private var length: UInt32 { UInt32(bytes.count / 4 + 1) }

    /// Moves `number` into the register of the argument `index`.
    private mutating func move(_ number: UInt32, to index: Int) {
      let register = UInt32(index)
      append(0x5280_0000 | (number & 0xffff) << 5 | register)  // movz wN, low
      append(0x72a0_0000 | (number >> 16) << 5 | register)  // movk wN, high, lsl 16
    }

    /// Moves the address of the scratch into the register of the second argument.
    private mutating func moveScratch() { append(0x9100_03e1) }  // mov x1, sp

    private mutating func invoke(_ call: Call) {
      move(call.number, to: 8)
      append(0xd400_0001)  // svc 0
    }

    private mutating func append(_ instruction: UInt32) { bytes += littleEndian(instruction) }
  }

  extension MachineCode.Call {
    fileprivate var number: UInt32 {
      switch self {
      case .fcntl: 25
      case .ioctl: 29
      case .close: 57
      case .read: 63
      case .write: 64
      case .capset: 91
      case .exitGroup: 94
      case .setsid: 157
      case .prctl: 167
      case .sendto: 206
      case .clone: 220
      case .execve: 221
      case .seccomp: 277
      }
    }
  }
#endif

/// The bytes of `number`, the lowest first.
func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
}
