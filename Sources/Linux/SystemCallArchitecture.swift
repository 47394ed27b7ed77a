import CLinux
import Glibc

/// A way to make system calls, with numbers of its own.
public enum SystemCallArchitecture: Int, CaseIterable, Sendable {
  // The raw values are the columns of the table in CLinux/SystemCallTable.c.
  case x86_64
  /// x86_64 with 32-bit pointers. The kernel tells it from x86_64 by a bit in the numbers.
  case x32
  case i386
  case aarch64
  /// The 32-bit ARM EABI.
  case arm

  /// Those in which programs can make calls on the machine that this program is built for, its own first.
  public static var ofThisMachine: [SystemCallArchitecture] {
    #if arch(x86_64)
      [.x86_64, .x32, .i386]
    #elseif arch(arm64)
      [.aarch64, .arm]
    #endif
  }

  /// How a filter sees it (`AUDIT_ARCH_*` of linux/audit.h).
  var token: UInt32 {
    switch self {
    case .x86_64, .x32: 0xc000_003e
    case .i386: 0x4000_0003
    case .aarch64: 0xc000_00b7
    case .arm: 0x4000_0028
    }
  }

  /// The numbers that calls can have.
  var numbers: ClosedRange<UInt32> {
    switch self {
    case .x86_64: 0...(Self.x32Bit - 1)
    case .x32: Self.x32Bit...(.max)
    case .i386, .aarch64, .arm: 0...(.max)
    }
  }

  /// Whether arguments are 32 bits wide.
  var hasNarrowArguments: Bool { self == .x32 || self == .i386 || self == .arm }

  /// `__X32_SYSCALL_BIT`
  static let x32Bit: UInt32 = 0x4000_0000

  /// The numbers from here on are private calls of the ARM port (`__ARM_NR_BASE`), and not counted up with the others.
  static let firstPrivateOfARM: UInt32 = 0xf_0000
}

/// The name of a system call in the kernel's headers, with its numbers.
public struct SystemCallName: Equatable, Sendable {
  /// Its place in the table.
  let row: Int

  /// The call called `name`; `nil` when no architecture has it.
  public init?(_ name: String) {
    var name = name
    guard let row = name.withUTF8({ Self.find($0) }) else { return nil }
    self.row = row
  }

  /// The call's number on `architecture`; `nil` when there is none.
  public func number(on architecture: SystemCallArchitecture) -> UInt32? {
    let columns = Int(LINUX_SYSTEM_CALL_ARCHITECTURES)
    let number = linux_system_call_number_rows()[row * columns + architecture.rawValue]
    return number < 0 ? nil : UInt32(number)
  }

  /// The name.
  public var text: String {
    let places = linux_system_call_name_places()
    let start = Int(places[row])
    let bytes = UnsafeRawBufferPointer(
      start: linux_system_call_name_bytes() + start, count: Int(places[row + 1]) - start)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// How many names there are.
  static var count: Int { Int(linux_system_call_count) }

  init(row: Int) { self.row = row }

  private static func find(_ name: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let bytes = name.baseAddress else { return nil }
    let places = linux_system_call_name_places()
    let names = linux_system_call_name_bytes()
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      let start = Int(places[middle])
      let length = Int(places[middle + 1]) - start
      var order = memcmp(bytes, names + start, min(length, name.count))
      if order == 0 { order = Int32(name.count - length) }
      if order == 0 { return middle }
      if order < 0 { high = middle } else { low = middle + 1 }
    }
    return nil
  }
}
