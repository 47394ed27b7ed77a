import CLinux
import Glibc

/// A program of a few instructions that executes another one: the last image of this program's own making that a
/// container's process has.
///
/// While a process executes `/proc/self/exe`, or a script whose interpreter is that, the kernel opens the image which
/// the process had until then. Were that this program's file, a container whose root is the host's could get hold of it
/// and write to it once it is idle. So the process first becomes this image, which lives in sealed memory and holds
/// nothing.
///
/// Executed again from inside, where the report descriptor is closed, the image exits with 127 at once.
///
/// The image treats its first argument as the path to execute and the others as the arguments, from number 0. When that
/// fails it writes the kernel's answer (`-errno`, eight bytes) to the report descriptor and exits with 127.
public struct Trampoline: ~Copyable {
  /// The program, in sealed memory.
  let image: FileDescriptor

  /// Makes the image, which will report to the descriptor number `report`. That one must survive this process's `execve`;
  /// the image sees to it that it does not survive the next.
  ///
  /// - Throws: `.permissionDenied` where `vm.memfd_noexec` forbids programs in memory.
  public init(reportingTo report: Int32) throws(Errno) {
    let file = try FileDescriptor.memory(named: "exec")
    try file.writeAll(Self.elf(code: Self.code(report: report)))
    try file.seal()
    image = file
  }

  /// Executes `path` with the argument list `arguments` and the environment `environment` (`execveat(2)`).
  ///
  /// - Returns: only when the image cannot be executed, with the reason.
  public func execute(_ path: String, arguments: [String], environment: [String]) -> Errno {
    let arguments = CStringArray([path] + arguments)
    let environment = CStringArray(environment)
    let emptyPath: Int32 = 0x1000
    _ = linux_execveat(image.rawValue, "", arguments.pointers, environment.pointers, emptyPath)
    return Errno.current
  }

  /// The number that a message of the image holds, when `message` is one.
  public static func error(in message: [UInt8]) -> Errno? {
    guard message.count == 8 else { return nil }
    let answer = message.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let negative = Int64(bitPattern: answer)
    guard (-4095..<0).contains(negative) else { return nil }
    return Errno(rawValue: Int32(-negative))
  }

  #if arch(x86_64)
    private static let machine: UInt16 = 62

    private static func code(report: Int32) -> [UInt8] {
      let descriptor = little(UInt32(bitPattern: report))
      return [0xbf] + descriptor  // mov edi, report
        + [0xbe, 0x02, 0x00, 0x00, 0x00]  // mov esi, F_SETFD
        + [0xba, 0x01, 0x00, 0x00, 0x00]  // mov edx, FD_CLOEXEC
        + [0xb8, 0x48, 0x00, 0x00, 0x00]  // mov eax, SYS_fcntl
        + [0x0f, 0x05]  // syscall
        + [0x85, 0xc0, 0x78, 0x2f]  // test eax, eax; js to the exit
        + [0x48, 0x8b, 0x0c, 0x24]  // mov rcx, [rsp]               argc
        + [0x48, 0x8b, 0x7c, 0x24, 0x08]  // mov rdi, [rsp+8]       argv[0], the path
        + [0x48, 0x8d, 0x74, 0x24, 0x10]  // lea rsi, [rsp+16]      argv + 1
        + [0x48, 0x8d, 0x54, 0xcc, 0x10]  // lea rdx, [rsp+rcx*8+16] envp
        + [0xb8, 0x3b, 0x00, 0x00, 0x00]  // mov eax, SYS_execve
        + [0x0f, 0x05]  // syscall
        + [0x50]  // push rax
        + [0xbf] + descriptor  // mov edi, report
        + [0x48, 0x89, 0xe6]  // mov rsi, rsp
        + [0xba, 0x08, 0x00, 0x00, 0x00]  // mov edx, 8
        + [0xb8, 0x01, 0x00, 0x00, 0x00]  // mov eax, SYS_write
        + [0x0f, 0x05]  // syscall
        + [0xbf, 0x7f, 0x00, 0x00, 0x00]  // mov edi, 127
        + [0xb8, 0xe7, 0x00, 0x00, 0x00]  // mov eax, SYS_exit_group
        + [0x0f, 0x05]  // syscall
    }
  #elseif arch(arm64)
    private static let machine: UInt16 = 183

    private static func code(report: Int32) -> [UInt8] {
      let instructions: [UInt32] = [
        0x5280_0013 | UInt32(UInt16(truncatingIfNeeded: report)) << 5,  // mov w19, report
        0x2a13_03e0,  // mov w0, w19
        0xd280_0041,  // mov x1, F_SETFD
        0xd280_0022,  // mov x2, FD_CLOEXEC
        0xd280_0328,  // mov x8, SYS_fcntl
        0xd400_0001,  // svc 0
        0x37f8_01a0,  // tbnz w0, 31, to the exit
        0xf940_03e3,  // ldr x3, [sp]               argc
        0xf940_07e0,  // ldr x0, [sp, 8]            argv[0], the path
        0x9100_43e1,  // add x1, sp, 16             argv + 1
        0x8b03_0c22,  // add x2, x1, x3, lsl 3      envp
        0xd280_1ba8,  // mov x8, SYS_execve
        0xd400_0001,  // svc 0
        0xf81f_0fe0,  // str x0, [sp, -16]!
        0x2a13_03e0,  // mov w0, w19
        0x9100_03e1,  // mov x1, sp
        0xd280_0102,  // mov x2, 8
        0xd280_0808,  // mov x8, SYS_write
        0xd400_0001,  // svc 0
        0xd280_0fe0,  // mov x0, 127
        0xd280_0bc8,  // mov x8, SYS_exit_group
        0xd400_0001,  // svc 0
      ]
      return instructions.flatMap(little)
    }
  #endif

  /// The code as an ELF executable that is mapped whole, readable and executable (`elf(5)`).
  private static func elf(code: [UInt8]) -> [UInt8] {
    let address: UInt64 = 0x40_0000
    let headerSize: UInt16 = 64
    let programHeaderSize: UInt16 = 56
    let entryOffset = UInt64(headerSize + 2 * programHeaderSize)
    let fileSize = entryOffset + UInt64(code.count)

    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    bytes += little(UInt16(2)) + little(machine) + little(UInt32(1))  // ET_EXEC
    bytes += little(address + entryOffset) + little(UInt64(headerSize)) + little(UInt64(0))
    bytes += little(UInt32(0)) + little(headerSize) + little(programHeaderSize) + little(UInt16(2))
    bytes += little(UInt16(0)) + little(UInt16(0)) + little(UInt16(0))
    // PT_LOAD, readable and executable.
    bytes += little(UInt32(1)) + little(UInt32(5)) + little(UInt64(0)) + little(address) + little(address)
    bytes += little(fileSize) + little(fileSize) + little(UInt64(0x1000))
    // PT_GNU_STACK, readable and writable.
    bytes += little(UInt32(0x6474_e551)) + little(UInt32(6))
    bytes += [UInt8](repeating: 0, count: 40) + little(UInt64(16))
    return bytes + code
  }

  private static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
  }
}

/// Strings as `execve(2)` wants them.
struct CStringArray: ~Copyable {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    pointers = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() { pointers[index] = strdup(string) }
    pointers[count] = nil
  }

  deinit {
    for index in 0..<count { free(pointers[index]) }
    pointers.deallocate()
  }
}
