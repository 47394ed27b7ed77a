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
    /// The filter is in force, and this is the number of its listener. The image goes on when a message comes over the report
    /// descriptor.
    case listener(Int32)
    /// The filter could not be put in force.
    case unfiltered(Errno)
    /// The filter is in force, and the capability that this took could not be given up.
    case privileged(Errno)

    fileprivate enum Mark {
      static let listener: UInt16 = 1
      static let unfiltered: UInt16 = 2
      static let privileged: UInt16 = 3
    }

    /// The message with this answer.
    public var message: [UInt8] {
      switch self {
      case .pid(let pid): littleEndian(Int64(pid))
      case .failure(let errno): littleEndian(-Int64(errno.rawValue))
      case .listener(let number): littleEndian(number) + littleEndian(UInt32(Mark.listener))
      case .unfiltered(let errno): littleEndian(-errno.rawValue) + littleEndian(UInt32(Mark.unfiltered))
      case .privileged(let errno): littleEndian(-errno.rawValue) + littleEndian(UInt32(Mark.privileged))
      }
    }

    /// The answer that `message` holds, when it is one.
    public init?(_ message: [UInt8]) {
      guard message.count == 8 else { return nil }
      let number = Int64(bitPattern: message.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
      let low = Int32(truncatingIfNeeded: number)
      switch (UInt32(truncatingIfNeeded: number >> 32), low) {
      case (.max, -4095..<0): self = .failure(Errno(rawValue: -low))
      case (0, 1...Int32.max): self = .pid(low)
      case (UInt32(Mark.listener), 0...Int32.max): self = .listener(low)
      case (UInt32(Mark.unfiltered), -4095..<0): self = .unfiltered(Errno(rawValue: -low))
      case (UInt32(Mark.privileged), -4095..<0): self = .privileged(Errno(rawValue: -low))
      default: return nil
      }
    }
  }

  /// The program, in sealed memory.
  let image: FileDescriptor

  /// Makes the image, which will report to the descriptor number `report`. That one must survive this process's `execve`;
  /// the image sees to it that it does not survive the next.
  ///
  /// - Parameter filter: what the image puts in force before it executes the program.
  /// - Throws: `.permissionDenied` where `vm.memfd_noexec` forbids programs in memory.
  public init(reportingTo report: Int32, prelude: Prelude = .none, filter: Filter? = nil) throws(Errno) {
    let file = try FileDescriptor.memory(named: "exec")
    try file.writeAll(
      Self.elf(
        data: filter.map { $0.data(at: Self.dataAddress) } ?? [],
        code: Self.code(report: report, prelude: prelude, filter: filter).bytes))
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

  private static func code(report: Int32, prelude: Prelude, filter: Filter?) -> MachineCode {
    let isFiltered = filter?.comesFirst == true
    let sendResult = MachineCode.saveResult + send(report, count: 8, isFiltered: isFiltered)
    // As it was before the image was executed.
    let setDumpable: UInt32 = 4
    var code =
      MachineCode.begin + .call(.prctl, setDumpable, 0, 0, 0, 0)
      + .call(.fcntl, UInt32(report), UInt32(F_SETFD), UInt32(FD_CLOEXEC))
      + .ifNegative(exit(127))
    if case .wait(_, let fifo) = prelude, isFiltered {
      // The filter may refuse to close it.
      code = code + .call(.fcntl, UInt32(fifo), UInt32(F_SETFD), UInt32(FD_CLOEXEC))
    }
    if let filter, isFiltered { code = code + load(filter, report) }
    switch prelude {
    case .none: break
    case .wait(let ready, let fifo):
      code = code + .save(ready) + send(report, count: 1, isFiltered: isFiltered)
      code = code + .transfer(.read, fifo, count: 1) + .ifNotOne(exit(1)) + .call(.close, UInt32(fifo))
    case .becomeSibling(let takesTerminal):
      let cloneParent: UInt32 = 0x8000
      code = code + .call(.clone, cloneParent, 0, 0, 0, 0) + .ifNotZero(sendResult + exit(0))
      code = code + .transfer(.read, report, count: 1) + .ifNotOne(exit(127)) + .call(.setsid)
      if takesTerminal { code = code + .call(.ioctl, 0, UInt32(LINUX_TIOCSCTTY), 0) }
    }
    if let filter, !isFiltered { code = code + load(filter, report) }
    return code + .execve + .saveResult + send(report, count: 8, isFiltered: filter != nil) + exit(127)
  }

  /// Sends `count` bytes of the scratch. Filters allow `write` more often than `sendto`; it may end in `SIGPIPE`.
  private static func send(_ report: Int32, count: UInt32, isFiltered: Bool) -> MachineCode {
    if isFiltered { return .transfer(.write, report, count: count) }
    return .transfer(.sendto, report, count: count, flags: UInt32(MSG_NOSIGNAL))
  }

  /// Puts `filter` in force, waits until its listener is where it belongs, and gives up what this took.
  private static func load(_ filter: Filter, _ report: Int32) -> MachineCode {
    func reportResult(_ mark: UInt16) -> MachineCode {
      .saveResult + .mark(mark) + send(report, count: 8, isFiltered: true)
    }
    let setModeFilter: UInt32 = 1
    let data = UInt32(dataAddress)
    var code =
      MachineCode.call(.seccomp, setModeFilter, filter.filter.flags.rawValue, data)
      + .ifNegative(reportResult(Answer.Mark.unfiltered) + exit(127))
    if filter.filter.flags.contains(.listener) {
      code =
        code + reportResult(Answer.Mark.listener) + .transfer(.read, report, count: 1) + .ifNotOne(exit(1))
    }
    if filter.capabilities != nil {
      code =
        code + .call(.capset, data + Filter.headerOffset, data + Filter.capabilityOffset)
        + .ifNegative(reportResult(Answer.Mark.privileged) + exit(127))
    }
    return code
  }

  private static func exit(_ status: UInt32) -> MachineCode { .call(.exitGroup, status) }

  private static let address: UInt64 = 0x40_0000
  private static let headerSize: UInt16 = 64
  private static let programHeaderSize: UInt16 = 56
  /// Where the data is, behind the headers.
  private static let dataAddress = address + UInt64(headerSize + 2 * programHeaderSize)

  /// The data and the code as an ELF executable that is mapped whole, readable and executable (`elf(5)`).
  private static func elf(data: [UInt8], code: [UInt8]) -> [UInt8] {
    let entryOffset = dataAddress - address + UInt64(data.count)
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
    return bytes + data + code
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
