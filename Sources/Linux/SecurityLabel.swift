/// The labels that security modules give the programs of this process (`/proc/self/attr`, `apparmor(7)`, `selinux(8)`).
public struct SecurityLabel: ~Copyable {
  /// The directory with the files of this process, known to be the kernel's.
  private let directory: FileDescriptor

  /// Whether the kernel was started with AppArmor.
  public static var hasAppArmor: Bool {
    (try? File.text("/sys/module/apparmor/parameters/enabled")) == "Y"
  }

  /// The labels of this process.
  ///
  /// To be created while `/proc` is the host's, and used by the same process: nobody may label another one.
  ///
  /// - Throws: `.notSupported` when something else than procfs is mounted on `/proc`.
  public init() throws(Errno) {
    let proc = try FileDescriptor.open("/proc", [.path, .directory])
    guard try FileSystemStatus.of(proc).kind == .procfs else { throw .notSupported }
    let own = try File.symbolicLink("self", at: proc.rawValue)
    directory = try FileDescriptor.open(
      "\(own)/attr", [.path, .directory], resolve: Self.walk, at: proc.rawValue)
  }

  /// Nothing that is mounted in procfs, and no link, is followed: a label that is written elsewhere protects nobody.
  private static let walk: ResolveFlags = [.beneath, .noCrossDevice, .noSymlinks]

  /// Has AppArmor confine the next program of this process by the profile `name`.
  ///
  /// - Throws: `.noSuchFileOrDirectory` when no profile of that name is loaded.
  public func confineNextProgram(by name: String) throws(Errno) {
    try write("exec \(name)", to: try openAppArmor())
  }

  /// Has SELinux run the next program of this process with `label`.
  ///
  /// - Throws: `.invalidArgument` when the policy has no such label.
  public func labelNextProgram(_ label: String) throws(Errno) { try write(label, to: try open("exec")) }

  /// AppArmor's own file; before Linux 5.1 the modules share one.
  private func openAppArmor() throws(Errno) -> FileDescriptor {
    do throws(Errno) { return try open("apparmor/exec") } catch .noSuchFileOrDirectory {
      return try open("exec")
    }
  }

  private func open(_ path: String) throws(Errno) -> FileDescriptor {
    let file = try FileDescriptor.open(path, .writeOnly, resolve: Self.walk, at: directory.rawValue)
    guard try FileSystemStatus.of(file).kind == .procfs else { throw .notSupported }
    return file
  }

  private func write(_ text: String, to file: consuming FileDescriptor) throws(Errno) {
    try file.writeOnce(text)
  }
}
