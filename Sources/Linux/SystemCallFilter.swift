import CLinux

/// A program that the kernel runs at every system call of a process and of all that come from it, and that answers instead
/// of the kernel where it says so (`seccomp(2)`). Nobody can remove it.
public struct SystemCallFilter: Equatable, Sendable {
  /// The program's instructions in the kernel's encoding (linux/filter.h, struct `sock_filter`).
  public let instructions: [UInt64]
  /// How it is put in force.
  public let flags: Flags

  /// Flags of `SECCOMP_SET_MODE_FILTER`.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The kernel's `SECCOMP_FILTER_FLAG_*` bits.
    public let rawValue: UInt32
    /// The flags with the kernel's bits `rawValue`.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The filter applies to all threads of the process.
    public static let synchronized = Flags(rawValue: 1)
    /// The kernel logs calls that are not allowed.
    public static let log = Flags(rawValue: 2)
    /// The process gets no protection against speculative store bypass that it would not have without a filter.
    public static let speculation = Flags(rawValue: 4)
    /// The filter has a listener.
    public static let listener = Flags(rawValue: 8)
    /// A failure to apply the filter to another thread is an error, so that a listener can be returned.
    public static let synchronizedOrError = Flags(rawValue: 16)
    /// A process whose call the listener has received waits for the answer, and only a fatal signal interrupts that.
    public static let waitKillable = Flags(rawValue: 32)
  }

  /// The most instructions that the kernel takes (`BPF_MAXINSNS`).
  public static let mostInstructions = 4096

  /// The filter that is the program `instructions`.
  public init(_ instructions: [UInt64], flags: Flags = .speculation) {
    self.instructions = instructions
    self.flags = flags
  }

  /// The filter for `rules`.
  public init(_ rules: SystemCallRules, flags: Flags = .speculation) {
    self.init(rules.instructions(), flags: flags)
  }

  /// Whether this kernel has filters and knows all of `flags`.
  public static func supports(_ flags: Flags) -> Bool {
    linux_seccomp_try(UInt(flags.rawValue)) == -1 && Errno.current == .badAddress
  }

  /// Puts the program in force for the calling thread, and for what it makes and executes from now on.
  ///
  /// - Throws: `.permissionDenied` when the thread has not `CAP_SYS_ADMIN` and may gain privileges by `execve`;
  ///   `.invalidArgument` when the kernel has no such programs.
  public func load() throws(Errno) {
    try making(.seccomp) { linux_seccomp_filter(instructions, UInt16(instructions.count)) }
  }
}
