/// Security-Enhanced Linux (`selinux(8)`).
public enum SELinux {
  /// Whether the kernel enforces, or at least knows, a policy: its file system is mounted then.
  public static var isEnabled: Bool {
    guard let directory = try? FileDescriptor.open("/sys/fs/selinux", [.path, .directory]) else {
      return false
    }
    return (try? FileSystemStatus.of(directory).kind) == .selinux
  }

  /// The extended attribute with a file's label.
  public static let attribute = "security.selinux"
}
