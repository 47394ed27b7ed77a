import Container
import Linux

extension Container {
  /// The users and groups that a running container's own files know.
  public var accounts: Accounts { Accounts(passwd: text("/etc/passwd"), group: text("/etc/group")) }

  /// The text of a file of the container, which may have put anything there.
  private func text(_ path: String) -> String {
    guard let pid = record.process?.pid,
      let root = try? FileDescriptor.open("/proc/\(pid)/root", [.path, .directory]),
      let file = try? HeldFiles().openRegular(path, resolve: [.inRoot, .noMagicLinks], at: root.rawValue),
      let bytes = try? file.readToEnd(limit: 1 << 20)
    else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }
}
