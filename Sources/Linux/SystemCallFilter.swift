import CLinux

/// A program that the kernel runs at every system call of a process and of all that come from it, and that refuses some
/// (`seccomp(2)`). It can be taken off by nobody.
///
/// It looks at the number of a call and at the convention by which it is made, and at nothing else, so that the kernel
/// (5.11 and newer) finds out for each call once what the answer is.
public struct SystemCallFilter: Sendable {
  /// The program's instructions in the kernel's encoding (linux/filter.h, struct `sock_filter`).
  let instructions: [UInt64]

  /// A way to make system calls, with numbers of its own.
  struct Convention {
    /// `AUDIT_ARCH_*` of linux/audit.h
    let architecture: UInt32
    /// The bits of a call's number that tell which call it is.
    var mask = UInt32.max
    /// The numbers of the calls that are refused, which follow each other.
    let refused: ClosedRange<UInt32>
  }

  /// Refuses `add_key`, `request_key` and `keyctl` with `EPERM`: a user's keyring goes by the user's number, and of all
  /// namespaces only one of users parts it from the host's (`keyrings(7)`).
  ///
  /// Who makes a call by a convention that is not known is killed.
  public static let keyrings = SystemCallFilter(keyCalls)

  #if arch(x86_64)
    static let keyCalls = [
      // The convention x32 is this one, with a bit of its own in the numbers.
      Convention(architecture: 0xc000_003e, mask: ~0x4000_0000, refused: 248...250),
      // AUDIT_ARCH_I386
      Convention(architecture: 0x4000_0003, refused: 286...288),
    ]
  #elseif arch(arm64)
    static let keyCalls = [
      // AUDIT_ARCH_AARCH64
      Convention(architecture: 0xc000_00b7, refused: 217...219),
      // AUDIT_ARCH_ARM
      Convention(architecture: 0x4000_0028, refused: 309...311),
    ]
  #endif

  init(_ conventions: [Convention]) {
    // struct seccomp_data: the call's number, then its convention.
    var program = [Self.instruction(.load, 4)]
    for convention in conventions {
      var block = [Self.instruction(.load, 0)]
      if convention.mask != .max { block.append(Self.instruction(.and, convention.mask)) }
      block += [
        Self.instruction(.jumpIfGreaterOrEqual, convention.refused.lowerBound, no: 1),
        Self.instruction(.jumpIfGreater, convention.refused.upperBound, no: 1),
        Self.instruction(.answer, Answer.allow),
        Self.instruction(.answer, Answer.notPermitted),
      ]
      program.append(Self.instruction(.jumpIfEqual, convention.architecture, no: UInt8(block.count)))
      program += block
    }
    instructions = program + [Self.instruction(.answer, Answer.killProcess)]
  }

  /// Puts the program in force for the calling thread, and for what it makes and executes from now on.
  ///
  /// - Throws: `.permissionDenied` when the thread has not `CAP_SYS_ADMIN` and may gain privileges by `execve`;
  ///   `.invalidArgument` when the kernel has no such programs.
  public func load() throws(Errno) {
    try making(.seccomp) { linux_seccomp_filter(instructions, UInt16(instructions.count)) }
  }

  /// - Parameter no: how many instructions a jump passes over when its condition does not hold.
  private static func instruction(_ operation: Operation, _ operand: UInt32, no: UInt8 = 0) -> UInt64 {
    UInt64(operation.rawValue) | UInt64(no) << 24 | UInt64(operand) << 32
  }

  /// Codes of linux/bpf_common.h.
  private enum Operation: UInt16 {
    case load = 0x20
    case and = 0x54
    case jumpIfEqual = 0x15
    case jumpIfGreater = 0x25
    case jumpIfGreaterOrEqual = 0x35
    case answer = 0x06
  }

  /// Values of linux/seccomp.h.
  private enum Answer {
    static let allow: UInt32 = 0x7fff_0000
    static let notPermitted = 0x0005_0000 | UInt32(Errno.notPermitted.rawValue)
    static let killProcess: UInt32 = 0x8000_0000
  }
}
