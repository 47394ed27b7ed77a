import CLinux
import Glibc

extension FileDescriptor {
  /// Reads once into `buffer`; 0 is the end (`read(2)`).
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try retrying { Glibc.read(rawValue, buffer.baseAddress, buffer.count) }
  }

  /// Writes once from `buffer` and says how much (`write(2)`).
  public func write(from buffer: UnsafeRawBufferPointer) throws(Errno) -> Int {
    try retrying { Glibc.write(rawValue, buffer.baseAddress, buffer.count) }
  }

  /// Writes what of `bytes` goes without waiting to a descriptor that does not wait (`write(2)`).
  ///
  /// - Returns: how many were written; `nil` when nobody reads any more.
  public func writeNow(_ bytes: ArraySlice<UInt8>) -> Int? {
    do throws(Errno) {
      return try bytes.withUnsafeBufferPointer { (buffer) throws(Errno) -> Int in
        try write(from: UnsafeRawBufferPointer(buffer))
      }
    } catch .resourceTemporarilyUnavailable {
      return 0
    } catch {
      return nil
    }
  }

  /// Reads once into `buffer` from `offset` on; 0 is the end (`pread(2)`).
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Errno) -> Int {
    try retrying { pread(rawValue, buffer.baseAddress, buffer.count, off_t(offset)) }
  }

  /// What comes next in this pipe, which stays in it: as much of `count` bytes as is there, of which it is waited for the
  /// first (`tee(2)`).
  public func peek(_ count: Int) throws(Errno) -> [UInt8] {
    let copy = try FileDescriptor.pipe()
    let there = try retrying { linux_tee(rawValue, copy.write.rawValue, count) }
    var bytes = [UInt8](repeating: 0, count: Int(there))
    guard there > 0 else { return [] }
    let read = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
      try copy.read.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    return Array(bytes[..<read])
  }

  /// The byte at `offset`; `nil` behind the end.
  public func byte(at offset: Int) throws(Errno) -> UInt8? {
    var byte: UInt8 = 0
    return try retrying { pread(rawValue, &byte, 1, off_t(offset)) } == 1 ? byte : nil
  }

  /// Makes the file `size` bytes long (`ftruncate(2)`).
  public func truncate(to size: Int) throws(Errno) { try retrying { ftruncate(rawValue, off_t(size)) } }

  /// Reads one byte; `nil` is the end.
  public func readByte() throws(Errno) -> UInt8? {
    var byte: UInt8 = 0
    let count = try retrying { Glibc.read(rawValue, &byte, 1) }
    return count == 1 ? byte : nil
  }

  /// Reads to the end.
  ///
  /// - Throws: `.fileTooLarge` when there are more than `limit` bytes.
  public func readToEnd(limit: Int = 64 << 20) throws(Errno) -> [UInt8] {
    // Most files are the kernel's, which do not say their size, or small.
    var bytes = [UInt8](repeating: 0, count: min(4096, limit + 1))
    var filled = 0
    while true {
      if filled == bytes.count {
        if filled > limit { throw .fileTooLarge }
        bytes.append(contentsOf: repeatElement(0, count: bytes.count))
      }
      let count = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
        try read(into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[filled...])))
      }
      if count == 0 { break }
      filled += count
    }
    if filled > limit { throw .fileTooLarge }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }

  /// Writes all of `bytes`.
  public func writeAll(_ bytes: borrowing [UInt8]) throws(Errno) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
      try writeAll(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Writes all of `bytes`.
  public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
    var rest = bytes
    while !rest.isEmpty {
      let count = try write(from: rest)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Waits until what was written to the file is on its disk (`fdatasync(2)`).
  public func sync() throws(Errno) { try retrying { fdatasync(rawValue) } }

  /// Writes `text` in one call, as the kernel's control files want it.
  public func writeOnce(_ text: String) throws(Errno) {
    var text = text
    try retrying { text.withUTF8 { Glibc.write(rawValue, $0.baseAddress, $0.count) } }
  }
}

/// Whole files at a time.
public enum File {
  /// The bytes of the file at `path`.
  ///
  /// - Throws: `.fileTooLarge` when there are more than `limit`.
  public static func read(
    _ path: String, at directory: Int32 = workingDirectory, limit: Int = 64 << 20
  ) throws(Errno) -> [UInt8] {
    try FileDescriptor.open(path, .readOnly, at: directory).readToEnd(limit: limit)
  }

  /// The text of a small file such as the kernel's, without white space at its ends. Bytes that are not UTF-8 are replaced.
  public static func text(_ path: String, at directory: Int32 = workingDirectory) throws(Errno) -> String {
    let bytes = try read(path, at: directory)
    guard let first = bytes.firstIndex(where: { $0 > 0x20 }),
      let last = bytes.lastIndex(where: { $0 > 0x20 })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  /// The words of a small file such as the kernel's: what white space separates.
  public static func words(_ path: String, at directory: Int32 = workingDirectory) throws(Errno) -> [String] {
    try read(path, at: directory).split { $0 <= 0x20 }.map { String(decoding: $0, as: UTF8.self) }
  }

  /// Writes `text` in one call to the existing file at `path`, as the kernel's control files want it.
  public static func write(
    _ text: String, to path: String, at directory: Int32 = workingDirectory
  ) throws(Errno) {
    let file = try FileDescriptor.open(path, .writeOnly, at: directory)
    try file.writeOnce(text)
  }

  /// Puts a file with `bytes` at `path`, replacing what is there in one step: a reader sees the old or
  /// the new file, whole (`rename(2)`).
  ///
  /// - Parameter swapping: whether the two change places before the old one is removed. ext4 has a file that is put over
  ///   another written to disk at once; one that is not worth that is swapped.
  public static func replace(
    _ path: String, at directory: Int32 = workingDirectory, with bytes: borrowing [UInt8],
    mode: UInt32 = 0o600, swapping: Bool = false
  ) throws(Errno) {
    let draft = "\(path).\(linux_getpid())"
    do throws(Errno) {
      // Nobody's link is followed, and nothing of an earlier process with the same number is in the way.
      let flags: OpenFlags = [.writeOnly, .create, .exclusive]
      let file: FileDescriptor
      do throws(Errno) {
        file = try FileDescriptor.open(draft, flags, mode: mode, at: directory)
      } catch .fileExists {
        try remove(draft, at: directory)
        file = try FileDescriptor.open(draft, flags, mode: mode, at: directory)
      }
      try file.writeAll(bytes)
      if swapping {
        do throws(Errno) {
          let exchange: UInt32 = 2
          try once { linux_renameat2(directory, draft, directory, path, exchange) }
          return try remove(draft, at: directory)
        } catch .noSuchFileOrDirectory, .invalidArgument, .notPermitted, .noFunction {
          // There is no old one, or the file system cannot swap, or a filter refuses the call.
        }
      }
      try once { renameat(directory, draft, directory, path) }
    } catch {
      unlinkat(directory, draft, 0)
      throw error
    }
  }

  /// Gives the file or directory at `path` the name `name`, in place of what has that now (`rename(2)`).
  public static func rename(_ path: String, to name: String) throws(Errno) {
    try once { renameat(AT_FDCWD, path, AT_FDCWD, name) }
  }

  /// Gives the file at `path` the second name `name`, which nothing has yet (`link(2)`).
  ///
  /// - Throws: `.fileExists` when something has it.
  public static func link(_ path: String, to name: String) throws(Errno) {
    try once { Glibc.link(path, name) }
  }

  /// Removes the file at `path` (`unlinkat(2)`).
  public static func remove(_ path: String, at directory: Int32 = workingDirectory) throws(Errno) {
    try once { unlinkat(directory, path, 0) }
  }

  /// Makes a fifo (`mkfifoat(3)`).
  public static func makeFifo(
    _ path: String, mode: UInt32, at directory: Int32 = workingDirectory
  ) throws(Errno) {
    try once { mkfifoat(directory, path, mode_t(mode)) }
  }

  /// Makes a symbolic link at `path` that says `target` (`symlinkat(2)`).
  public static func makeSymbolicLink(
    _ path: String, to target: String, at directory: Int32 = workingDirectory
  ) throws(Errno) {
    try once { symlinkat(target, directory, path) }
  }

  /// What the symbolic link at `path` says (`readlinkat(2)`).
  public static func symbolicLink(_ path: String, at directory: Int32 = workingDirectory) throws(Errno)
    -> String
  {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try retrying {
      buffer.withUnsafeMutableBytes { raw in
        raw.withMemoryRebound(to: CChar.self) { chars in
          chars.baseAddress.map { readlinkat(directory, path, $0, chars.count) } ?? -1
        }
      }
    }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// Why this process may not execute the file at `path`, by its effective ids and capabilities; `nil` when it may
  /// (`faccessat(2)`, `X_OK`).
  public static func reasonNotToExecute(_ path: String) -> Errno? {
    do throws(Errno) {
      let status = try FileStatus.of(path)
      if status.kind == .directory { return .isDirectory }
      guard status.kind == .regular else { return .permissionDenied }
      do throws(Errno) {
        try retrying { faccessat(AT_FDCWD, path, X_OK, Int32(LINUX_AT_EACCESS)) }
      } catch .notPermitted {
        // A filter refuses the call.
        if status.permissions & 0o111 == 0 { return .permissionDenied }
      }
      return nil
    } catch { return error }
  }

  /// Makes a device file, a fifo or a plain file with exactly the permissions `permissions` when the umask is 0 (`mknodat(2)`).
  public static func makeNode(
    _ path: String, _ kind: FileKind, permissions: UInt32, device: DeviceNumber,
    at directory: Int32 = workingDirectory
  ) throws(Errno) {
    let type: mode_t
    switch kind {
    case .characterDevice: type = S_IFCHR
    case .blockDevice: type = S_IFBLK
    case .fifo: type = S_IFIFO
    case .regular: type = S_IFREG
    case .directory, .symbolicLink, .socket, .unknown: throw .invalidArgument
    }
    try once {
      mknodat(directory, path, type | mode_t(permissions), linux_makedev(device.major, device.minor))
    }
  }

  /// Gives the file at `path` to `user` and `group`; a symbolic link itself is changed (`fchownat(2)`).
  public static func changeOwner(
    _ path: String, user: UInt32, group: UInt32, at directory: Int32 = workingDirectory
  ) throws(Errno) {
    try once { fchownat(directory, path, user, group, AT_SYMLINK_NOFOLLOW) }
  }

  /// Sets the permissions of the file at `path` (`fchmodat(2)`).
  public static func changeMode(
    _ path: String, _ permissions: UInt32, at directory: Int32 = workingDirectory
  ) throws(Errno) {
    try once { fchmodat(directory, path, mode_t(permissions), 0) }
  }

  /// The absolute path of `path` with every symbolic link followed (`realpath(3)`).
  public static func realPath(_ path: String) throws(Errno) -> String {
    guard let resolved = realpath(path, nil) else { throw Errno.current }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

extension FileDescriptor {
  /// Gives an open file to `user`, and leaves its group (`fchown(2)`).
  public func changeOwner(user: UInt32) throws(Errno) { try once { fchown(rawValue, user, gid_t.max) } }
}

extension FileDescriptor {
  /// The value of the extended attribute `name` of the open file; `nil` when it has none (`fgetxattr(2)`, `xattr(7)`).
  ///
  /// - Throws: `Errno`, also for a value of more than `limit` bytes.
  public func attribute(_ name: String, limit: Int = 4096) throws(Errno) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: limit)
    do throws(Errno) {
      let count = try retrying {
        buffer.withUnsafeMutableBytes { linux_fgetxattr(rawValue, name, $0.baseAddress, $0.count) }
      }
      return Array(buffer[..<count])
    } catch .noData {
      return nil
    } catch .notSupported {
      return nil
    }
  }

  /// The names of the extended attributes of the open file, those that are UTF-8; none where the file system has no
  /// attributes (`flistxattr(2)`).
  public func attributeNames() throws(Errno) -> [String] {
    do throws(Errno) {
      // Most files have none.
      if try retrying({ linux_flistxattr(rawValue, nil, 0) }) == 0 { return [] }
      // XATTR_LIST_MAX, the kernel's limit.
      var buffer = [CChar](repeating: 0, count: 64 << 10)
      let count = try retrying {
        buffer.withUnsafeMutableBufferPointer { linux_flistxattr(rawValue, $0.baseAddress, $0.count) }
      }
      return buffer[..<count].split(separator: 0).compactMap { name in
        String(validating: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
    } catch .notSupported {
      return []
    }
  }
}
