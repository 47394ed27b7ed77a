extension Trampoline {
  /// A system call filter that the image puts in force, so that of this program's own calls hardly any is left that the filter
  /// must allow.
  ///
  /// Behind it, the image calls `capset` where `capabilities` are given, `read` and `write` where the filter has a listener
  /// or comes first, and `execve`; when it fails, `write` and `exit_group`.
  public struct Filter: Sendable {
    let filter: SystemCallFilter
    /// Whether it is in force before the prelude, whose calls it must then allow as well.
    let comesFirst: Bool
    /// The process's capabilities from then on; `nil` leaves them as they are.
    let capabilities: Remaining?

    /// Capabilities of a process, those in effect being all that are permitted.
    public struct Remaining: Equatable, Sendable {
      /// The permitted set.
      public var permitted: Capabilities
      /// The inheritable set.
      public var inheritable: Capabilities

      /// These sets.
      public init(permitted: Capabilities, inheritable: Capabilities) {
        self.permitted = permitted
        self.inheritable = inheritable
      }
    }

    /// Puts `filter` in force, and leaves the process `capabilities`.
    public init(_ filter: SystemCallFilter, comesFirst: Bool, leaving capabilities: Remaining? = nil) {
      self.filter = filter
      self.comesFirst = comesFirst
      self.capabilities = capabilities
    }

    /// Where the data has struct `__user_cap_header_struct`.
    static let headerOffset: UInt32 = 16
    /// Where it has the two of struct `__user_cap_data_struct`.
    static let capabilityOffset: UInt32 = 24
    private static let instructionOffset: UInt64 = 48

    /// What the calls point to, when it is at `address`: struct `sock_fprog` first.
    func data(at address: UInt64) -> [UInt8] {
      var data = littleEndian(UInt64(filter.instructions.count))
      data += littleEndian(address + Self.instructionOffset)
      data += littleEndian(0x2008_0522 as UInt32) + littleEndian(0 as UInt32)
      let permitted = capabilities?.permitted.rawValue ?? 0
      let inheritable = capabilities?.inheritable.rawValue ?? 0
      for shift in [0, 32] as [UInt64] {
        for set in [permitted, permitted, inheritable] {
          data += littleEndian(UInt32(truncatingIfNeeded: set >> shift))
        }
      }
      data.reserveCapacity(data.count + filter.instructions.count * 8)
      for instruction in filter.instructions {
        withUnsafeBytes(of: instruction.littleEndian) { data += $0 }
      }
      return data
    }
  }
}
