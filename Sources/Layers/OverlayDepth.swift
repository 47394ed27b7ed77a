import Container
import Linux

extension Overlay {
  /// Whether the kernel mounts an overlay on the directory `lower`.
  ///
  /// It stacks two file systems at most. In a container `lower` may be on an overlay already, and in a partition of that
  /// container on an overlay of an overlay.
  ///
  /// - Parameter empty: an empty directory that is not on a deeper file system than the upper layer.
  static func canLie(on lower: String, _ empty: String) -> Bool {
    guard (try? FileSystemStatus.of(lower).kind) == .overlay else { return true }
    do throws(Errno) {
      let bottom = try FileDescriptor.open(lower, [.path, .directory])
      let top = try FileDescriptor.open(empty, [.path, .directory])
      let overlay = try FileSystemContext("overlay")
      // Without an upper layer it needs two lower ones. Paths may be longer than what can be set.
      try overlay.set("lowerdir", "/proc/self/fd/\(top.rawValue):/proc/self/fd/\(bottom.rawValue)")
      _ = try overlay.mount([])
      return true
    } catch .invalidArgument {
      return false
    } catch {
      // It has another reason, which the mount itself will give.
      return true
    }
  }
}

extension HostBase {
  /// A tree for the host as it is now that one partition has alone, in its directory `directory`, because the file system
  /// of the shared ones cannot be a lower layer.
  static func ownTree(in directory: String) throws(LayerError) -> String {
    let base = "\(directory)/base"
    if let stamp = try? File.read("\(base)/stamp"), HostStamp.isUpToDate(stamp) { return "\(base)/root" }
    try attempt("create the base host in \(base)") { () throws(Errno) in
      let draft = "\(directory)/base.draft"
      for old in [draft, base] {
        do throws(Errno) { try Directory.removeTree(old) } catch .noSuchFileOrDirectory {}
      }
      try Directory.make(draft, mode: 0o711)
      try HostTreeBuilder(root: "\(draft)/root").build(stampAt: "\(draft)/stamp")
      try File.rename(draft, to: base)
    }
    return "\(base)/root"
  }
}
