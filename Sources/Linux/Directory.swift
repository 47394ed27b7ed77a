import CLinux
import Glibc

/// Directories and what is in them.
public enum Directory {
  /// Makes a directory (`mkdirat(2)`).
  public static func make(
    _ path: String, mode: UInt32 = 0o755, at directory: Int32 = workingDirectory
  ) throws(Errno) {
    try once { mkdirat(directory, path, mode_t(mode)) }
  }

  /// Makes the directory at `path` and those above it that are missing. The path is trusted.
  public static func makeAll(_ path: String, mode: UInt32 = 0o755) throws(Errno) {
    do throws(Errno) {
      try make(path, mode: mode)
    } catch .fileExists {
      return
    } catch .noSuchFileOrDirectory {
      guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
        throw .noSuchFileOrDirectory
      }
      try makeAll(String(path[..<slash]), mode: mode)
      do throws(Errno) { try make(path, mode: mode) } catch .fileExists { return }
    }
  }

  /// Removes an empty directory (`unlinkat(2)`, `AT_REMOVEDIR`).
  public static func remove(_ path: String, at directory: Int32 = workingDirectory) throws(Errno) {
    try once { unlinkat(directory, path, AT_REMOVEDIR) }
  }

  /// The names in an open directory, without `.` and `..`, in the kernel's order (`getdents64(2)`).
  public static func entries(of directory: borrowing FileDescriptor) throws(Errno) -> [Entry] {
    var entries: [Entry] = []
    try forEachName(of: directory) { name, isDirectory in
      entries.append(Entry(name: String(decoding: name, as: UTF8.self), isDirectory: isDirectory))
    }
    return entries
  }

  /// Calls `body` with the bytes of each name in an open directory, without `.` and `..`, and whether the directory says
  /// that it is one itself.
  static func forEachName(
    of directory: borrowing FileDescriptor, _ body: (UnsafeRawBufferPointer.SubSequence, Bool) -> Void
  ) throws(Errno) {
    let size = 32 << 10
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = try retrying { linux_getdents64(directory.rawValue, buffer.baseAddress, size) }
      if count == 0 { return }
      var offset = 0
      while offset < count {
        // struct linux_dirent64: inode (8 bytes), offset (8), record length (2), type (1), name.
        let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
        let type = buffer[offset + 18]
        let name = UnsafeRawBufferPointer(buffer)[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
        let dot = UInt8(ascii: ".")
        if !(name.first == dot && (name.count == 1 || name.count == 2 && name.last == dot)) {
          body(name, type == 4)
        }
        offset += length
      }
    }
  }

  /// The names in the directory at `path`.
  public static func entries(
    of path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) -> [Entry] {
    try entries(of: try FileDescriptor.open(path, [.readOnly, .directory], at: directory))
  }

  /// One name in a directory.
  public struct Entry: Sendable {
    /// The file's name, without a slash.
    public let name: String
    /// Whether the directory says that the file is a directory itself, not a link to one.
    public let isDirectory: Bool
  }

  /// Makes `path` the working directory (`chdir(2)`).
  public static func change(to path: String) throws(Errno) { try once { chdir(path) } }

  /// Makes an open directory the working directory (`fchdir(2)`).
  public static func change(to directory: borrowing FileDescriptor) throws(Errno) {
    try once { fchdir(directory.rawValue) }
  }

  /// Makes an open directory the root of this process (`chroot(2)`).
  public static func changeRoot(to directory: borrowing FileDescriptor) throws(Errno) {
    try change(to: directory)
    try once { chroot(".") }
  }

  /// `path` as it starts from the root, also when the working directory is another one later.
  public static func absolute(_ path: String) throws(Errno) -> String {
    if path.utf8.first == UInt8(ascii: "/") { return path }
    guard let current = try current() else { throw .noSuchFileOrDirectory }
    return current == "/" ? "/\(path)" : "\(current)/\(path)"
  }

  /// The working directory's path, or `nil` when it lies outside this process's root (`getcwd(2)`).
  public static func current() throws(Errno) -> String? {
    guard let path = getcwd(nil, 0) else { throw Errno.current }
    defer { free(path) }
    let text = String(cString: path)
    return text.utf8.first == UInt8(ascii: "/") ? text : nil
  }
}
