import CLinux
import Glibc

// Whoever filled a tree may have made it deep, and given its files names that are no text: one descriptor is open at a
// time, the way back is checked, and names stay bytes.
extension Directory {
  /// Removes the directory `name` in `directory` with all that is below it. Symbolic links are removed, never followed,
  /// and other file systems mounted below are not entered: their mount points stay and the call fails with
  /// `.resourceBusy`.
  ///
  /// - Parameter directoriesOnly: leave it to the file system to remove the files, as the kernel's own do.
  public static func removeTree(
    _ name: String, at directory: Int32 = workingDirectory, directoriesOnly: Bool = false
  ) throws(Errno) {
    try empty(
      try FileDescriptor.open(name, Self.walked, at: directory), directoriesOnly: directoriesOnly)
    try Directory.remove(name, at: directory)
  }

  /// The same for the directory `name` in `directory`, which is not emptied either when something is mounted on it.
  public static func removeTree(_ name: FileName, at directory: Int32) throws(Errno) {
    guard let top = try name.openDirectory(at: directory) else { throw .noSuchFileOrDirectory }
    try empty(top, directoriesOnly: false)
    try name.removeDirectory(at: directory)
  }

  private static func empty(_ top: consuming FileDescriptor, directoriesOnly: Bool) throws(Errno) {
    try walk(top) { (_, current) throws(Errno) in
      var names: [FileName] = []
      try Directory.forEachName(of: current) { name, isDirectory in
        if isDirectory || !directoriesOnly { names.append(FileName(name)) }
      }
      var rest: [FileName] = []
      for name in names where try !name.isRemoved(at: current.rawValue, ifFile: !directoriesOnly) {
        rest.append(name)
      }
      return rest
    } leave: { (name, above) throws(Errno) in
      do throws(Errno) { try name.removeDirectory(at: above.rawValue) } catch .noSuchFileOrDirectory {}
    }
  }

  /// Calls `body` with the directory at `path` and each one below it, from the top down.
  public static func visitTree(
    _ path: String, _ body: (borrowing FileDescriptor) throws(Errno) -> Void
  ) throws(Errno) {
    try walk(try FileDescriptor.open(path, Self.walked)) { (_, current) throws(Errno) in
      try body(current)
      var names: [FileName] = []
      try Directory.forEachName(of: current) { name, isDirectory in
        if isDirectory { names.append(FileName(name)) }
      }
      return names
    } leave: { (_, _) throws(Errno) in
    }
  }

  private static let walked: OpenFlags = [.readOnly, .directory, .noFollow]

  /// A directory on the way from the top to where the walk is.
  private struct Level {
    let name: FileName?
    let fileSystem: UInt64
    let inode: UInt64
    /// What is below it and not yet walked.
    var rest: [FileName]

    init(_ name: FileName?, _ directory: borrowing FileDescriptor, _ rest: [FileName]) throws(Errno) {
      self.name = name
      self.rest = rest
      let status = try directory.status()
      fileSystem = status.fileSystem
      inode = status.inode
    }

    func isAt(_ directory: borrowing FileDescriptor) throws(Errno) -> Bool {
      let status = try directory.status()
      return status.fileSystem == fileSystem && status.inode == inode
    }
  }

  /// Walks the tree below `top` with one descriptor open at a time, however deep it is.
  ///
  /// - Parameters:
  ///   - entersMounts: whether other file systems that are mounted in the tree are walked as well; if not, one of them is
  ///     the error `.resourceBusy`.
  ///   - enter: called with each directory and its name, `nil` for `top`; returns the names of the directories in it to
  ///     walk.
  ///   - leave: called after that with the directory's name and the directory above it; not called for `top`.
  public static func walk(
    _ top: consuming FileDescriptor, entersMounts: Bool = false,
    enter: (FileName?, borrowing FileDescriptor) throws(Errno) -> [FileName],
    leave: (FileName, borrowing FileDescriptor) throws(Errno) -> Void
  ) throws(Errno) {
    var current = top
    var levels = [try Level(nil, current, try enter(nil, current))]
    while let last = levels.indices.last {
      if let next = levels[last].rest.popLast() {
        guard let below = try next.openDirectory(at: current.rawValue, entersMounts: entersMounts)
        else { continue }
        levels.append(try Level(next, below, try enter(next, below)))
        current = below
        continue
      }
      guard let done = levels.removeLast().name else { return }
      let above = try FileDescriptor.open("..", [.readOnly, .directory], at: current.rawValue)
      // Somebody who moves directories meanwhile is not followed to where he likes.
      guard try levels[last - 1].isAt(above) else { throw .resourceBusy }
      try leave(done, above)
      current = above
    }
  }
}

extension FileName {
  /// Removes the file, or the directory if it is empty.
  ///
  /// - Returns: whether it is gone; otherwise it is a directory with something in it.
  fileprivate func isRemoved(at directory: Int32, ifFile: Bool) throws(Errno) -> Bool {
    if ifFile {
      do throws(Errno) {
        try remove(at: directory)
        return true
      } catch .isDirectory {} catch .noSuchFileOrDirectory { return true }
    }
    do throws(Errno) {
      try removeDirectory(at: directory)
      return true
    } catch {
      // Not empty, or a mount point, which entering it will tell.
      return error == .noSuchFileOrDirectory
    }
  }

  /// Opens the directory; `nil` when it is gone.
  fileprivate func openDirectory(
    at directory: Int32, entersMounts: Bool = false
  ) throws(Errno) -> FileDescriptor? {
    let flags = O_DIRECTORY | O_NOFOLLOW
    let resolve: ResolveFlags = entersMounts ? .noSymlinks : [.noCrossDevice, .noSymlinks]
    do throws(Errno) {
      return try PathWalk.open(characters, flags, mode: 0, resolve, at: directory)
    } catch .noSuchFileOrDirectory {
      return nil
    } catch {
      throw error.rawValue == EXDEV ? .resourceBusy : error
    }
  }
}
