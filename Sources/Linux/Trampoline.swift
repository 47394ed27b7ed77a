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
/// Nobody may look at the process, or take its descriptors, without `CAP_SYS_PTRACE` until the program is executed, and
/// then those that the program does not get are closed (`PR_SET_DUMPABLE` of `prctl(2)`).
///
/// The image treats its first argument as the path to execute and the others as the arguments, from number 0. When that
/// fails it sends the kernel's answer to the report descriptor, a socket, and exits with 127.
public struct Trampoline: ~Copyable {
  /// What the image does before it executes the program.
  public enum Prelude: Sendable {
    case none
    /// It sends `ready` to the report descriptor, and goes on when a byte comes from the descriptor number `fifo`, which
    /// must survive this process's `execve` as well; at its end it exits with 1.
    case wait(ready: UInt8, fifo: Int32)
    /// It sends the pid of a sibling that it makes (`CLONE_PARENT`), or why there is none, and exits. The sibling goes on
    /// in a session of its own, whose terminal is standard input when `takesTerminal`, once a message has come over the
    /// report descriptor.
    ///
    /// A process outside of a pid namespace thus never is inside with more than the program is to have.
    case becomeSibling(takesTerminal: Bool)
  }

  /// What the kernel said to the image.
  public enum Answer: Equatable, Sendable {
    /// A sibling was made.
    case pid(Int32)
    /// The sibling could not be made, or the program not be executed.
    case failure(Errno)

    /// The message with this answer.
    public var message: [UInt8] {
      switch self {
      case .pid(let pid): littleEndian(Int64(pid))
      case .failure(let errno): littleEndian(-Int64(errno.rawValue))
      }
    }

    /// The answer that `message` holds, when it is one.
    public init?(_ message: [UInt8]) {
      guard message.count == 8 else { return nil }
      let number = Int64(bitPattern: message.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
      switch number {
      case -4095..<0: self = .failure(Errno(rawValue: Int32(-number)))
      case 1...Int64(Int32.max): self = .pid(Int32(number))
      default: return nil
      }
    }
  }

  /// The program, in sealed memory.
  let image: FileDescriptor

  /// Makes the image, which will report to the descriptor number `report`. That one must survive this process's `execve`;
  /// the image sees to it that it does not survive the next.
  ///
  /// - Throws: `.permissionDenied` where `vm.memfd_noexec` forbids programs in memory.
  public init(reportingTo report: Int32, prelude: Prelude = .none) throws(Errno) {
    let file = try FileDescriptor.memory(named: "exec")
    try file.writeAll(Self.elf(code: Self.code(report: report, prelude: prelude).bytes))
    try file.seal()
    image = file
  }

  /// Executes `path` with `arguments` and `environment` (`execveat(2)`). It allocates no memory, because the
  /// limits in force may allow none.
  ///
  /// - Parameter arguments: the program's, from number 0, behind a free place.
  /// - Returns: only when the image cannot be executed, with the reason.
  public func execute(
    _ path: String, arguments: borrowing CStringArray, environment: borrowing CStringArray
  ) -> Errno {
    let emptyPath: Int32 = 0x1000
    let list = arguments.pointers
    return path.withCString { path in
      list[0] = UnsafeMutablePointer(mutating: path)
      defer { list[0] = nil }
      do throws(Errno) {
        try making(.execveat) {
          linux_execveat(image.rawValue, "", list, environment.pointers, emptyPath)
        }
        return .invalidArgument
      } catch { return error }
    }
  }

  private static func code(report: Int32, prelude: Prelude) -> MachineCode {
    let noSignal = UInt32(MSG_NOSIGNAL)
    let sendResult = MachineCode.saveResult + .transfer(.sendto, report, count: 8, flags: noSignal)
    // As it was before the image was executed.
    let setDumpable: UInt32 = 4
    var code =
      MachineCode.begin + .call(.prctl, setDumpable, 0, 0, 0, 0)
      + .call(.fcntl, UInt32(report), UInt32(F_SETFD), UInt32(FD_CLOEXEC))
      + .ifNegative(exit(127))
    switch prelude {
    case .none: break
    case .wait(let ready, let fifo):
      code = code + .save(ready) + .transfer(.sendto, report, count: 1, flags: noSignal)
      code = code + .transfer(.read, fifo, count: 1) + .ifNotOne(exit(1)) + .call(.close, UInt32(fifo))
    case .becomeSibling(let takesTerminal):
      let cloneParent: UInt32 = 0x8000
      code = code + .call(.clone, cloneParent, 0, 0, 0, 0) + .ifNotZero(sendResult + exit(0))
      code = code + .transfer(.read, report, count: 1) + .ifNotOne(exit(127)) + .call(.setsid)
      if takesTerminal { code = code + .call(.ioctl, 0, UInt32(LINUX_TIOCSCTTY), 0) }
    }
    return code + .execve + sendResult + exit(127)
  }

  private static func exit(_ status: UInt32) -> MachineCode { .call(.exitGroup, status) }

  /// The code as an ELF executable that is mapped whole, readable and executable (`elf(5)`).
  private static func elf(code: [UInt8]) -> [UInt8] {
    let address: UInt64 = 0x40_0000
    let headerSize: UInt16 = 64
    let programHeaderSize: UInt16 = 56
    let entryOffset = UInt64(headerSize + 2 * programHeaderSize)
    let fileSize = entryOffset + UInt64(code.count)

    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
    func add(_ numbers: UInt16...) { for number in numbers { bytes += littleEndian(number) } }
    func add(_ numbers: UInt32...) { for number in numbers { bytes += littleEndian(number) } }
    func add(_ numbers: UInt64...) { for number in numbers { bytes += littleEndian(number) } }
    let executable: UInt16 = 2
    add(executable, MachineCode.machine)
    add(1 as UInt32)
    add(address + entryOffset, UInt64(headerSize), 0)
    add(0 as UInt32)
    add(headerSize, programHeaderSize, 2, 0, 0, 0)
    let load: UInt32 = 1
    let readAndExecute: UInt32 = 5
    add(load, readAndExecute)
    add(0, address, address, fileSize, fileSize, 0x1000)
    let stack: UInt32 = 0x6474_e551
    let readAndWrite: UInt32 = 6
    add(stack, readAndWrite)
    add(0, 0, 0, 0, 0, 16 as UInt64)
    return bytes + code
  }
}

/// Strings as `execve(2)` wants them.
public struct CStringArray: ~Copyable {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  /// Copies of `strings`, behind as many places that are free.
  public init(_ strings: [String], behind free: Int = 0) {
    count = free + strings.count
    pointers = .allocate(capacity: count + 1)
    for index in 0..<free { pointers[index] = nil }
    for (index, string) in strings.enumerated() { pointers[free + index] = strdup(string) }
    pointers[count] = nil
  }

  deinit {
    for index in 0..<count { free(pointers[index]) }
    pointers.deallocate()
  }
}
