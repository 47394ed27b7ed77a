import Glibc

/// What the kernel is called (`uname(2)`).
public struct SystemName: Sendable {
  /// The machine's name.
  public let node: String
  /// The kernel's release, such as `6.12.1`.
  public let release: String
  /// The instruction set, such as `x86_64`.
  public let machine: String

  /// This machine's.
  public static var current: SystemName {
    var name = utsname()
    uname(&name)
    func text<Field>(_ field: Field) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return SystemName(
      node: text(name.nodename), release: text(name.release), machine: text(name.machine))
  }
}
