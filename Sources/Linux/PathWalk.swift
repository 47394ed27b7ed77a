import CLinux
import Glibc

/// A walk along a path that leads nowhere but where `ResolveFlags` let it (`openat2(2)`), made by the kernel, or name by name
/// where a filter refuses that call.
///
/// Name by name it goes down alone: each name is opened in the directory that the one before it led to, and never followed when
/// it is a link. What a link says is walked likewise. "`..`" is the directory that the walk came from, which is held open, and
/// is never looked up: so no rename by somebody else leads the walk out of the root.
enum PathWalk {
  /// Opens `path`, of bytes with a zero at their end.
  ///
  /// - Parameters:
  ///   - flags: the bits of `open(2)`; the descriptor is closed on exec.
  ///   - root: the number of a descriptor of the directory where the walk starts.
  static func open(
    _ path: UnsafePointer<CChar>, _ flags: Int32, mode: UInt32, _ resolve: ResolveFlags, at root: Int32
  ) throws(Errno) -> FileDescriptor {
    while true {
      do throws(Errno) {
        let raw = try retrying {
          linux_openat2(root, path, UInt64(flags | O_CLOEXEC), UInt64(mode), resolve.rawValue)
        }
        return FileDescriptor(owning: Int32(raw))
      } catch .resourceTemporarilyUnavailable {
        // A rename anywhere raced with a walk that had `..` in it.
        continue
      } catch .notPermitted, .noFunction {
        return try openByName(path, flags, mode: mode, resolve, at: root)
      }
    }
  }

  /// What `open` does where there is no `openat2(2)`.
  static func openByName(
    _ path: UnsafePointer<CChar>, _ flags: Int32, mode: UInt32, _ resolve: ResolveFlags, at root: Int32
  ) throws(Errno) -> FileDescriptor {
    var walk = Walk(flags: flags | O_CLOEXEC, mode: mode, resolve: resolve, root: root)
    let bytes = UnsafeBufferPointer(start: path, count: strlen(path)).map { UInt8(bitPattern: $0) }
    return try walk.follow(bytes[...])
  }
}

/// Where a walk has come to.
private struct Walk {
  let flags: Int32
  let mode: UInt32
  let resolve: ResolveFlags
  let root: Int32
  /// The directories below the start that the walk has come through.
  private var steps: [Step] = []
  /// The host's root, for a walk that may start from there.
  private var top: Step?
  /// The names still to come, the next one last.
  private var rest: [ArraySlice<UInt8>] = []
  private var links = 0
  private var endsInSlash = false

  /// As many links as the kernel follows.
  private static let mostLinks = 40

  /// A directory on the way.
  private final class Step {
    let directory: FileDescriptor
    init(_ directory: consuming FileDescriptor) { self.directory = directory }
  }

  init(flags: Int32, mode: UInt32, resolve: ResolveFlags, root: Int32) {
    self.flags = flags
    self.mode = mode
    self.resolve = resolve
    self.root = root
  }

  private var wantsDirectory: Bool { endsInSlash || flags & O_DIRECTORY != 0 }
  private var start: Int32 { top?.directory.rawValue ?? root }
  private var current: Int32 { steps.last?.directory.rawValue ?? start }

  mutating func follow(_ path: ArraySlice<UInt8>) throws(Errno) -> FileDescriptor {
    try push(path)
    while let name = rest.popLast() {
      if name == [dot, dot] {
        try goUp()
      } else if let found = try take(name) {
        return found
      }
    }
    // The directory itself: the path's end was one of "." and "..", or "/".
    return try open(".", flags)
  }

  /// Puts the names of `path` before those that are still to come.
  private mutating func push(_ path: ArraySlice<UInt8>) throws(Errno) {
    guard let first = path.first, let last = path.last else { throw .noSuchFileOrDirectory }
    if first == slash { try goToRoot() }
    let names = path.split(separator: slash)
    if rest.isEmpty, last == slash || names.last == [dot] || names.last == [dot, dot] {
      endsInSlash = true
    }
    rest += names.reversed().filter { $0 != [dot] }
  }

  private mutating func goToRoot() throws(Errno) {
    if resolve.contains(.beneath) { throw Self.crossing }
    steps = []
    guard !resolve.contains(.inRoot) else { return }
    let top = try FileDescriptor.open("/", [.path, .directory])
    if resolve.contains(.noCrossDevice), try mount(of: top.rawValue) != mount(of: start) {
      throw Self.crossing
    }
    self.top = Step(top)
  }

  private mutating func goUp() throws(Errno) {
    if steps.popLast() != nil { return }
    if resolve.contains(.beneath) { throw Self.crossing }
    if resolve.contains(.inRoot) { return }
    // Nothing holds this walk below its start.
    let above = try open("..", pathOnly | O_DIRECTORY | O_CLOEXEC)
    try check(above)
    top = Step(above)
  }

  /// Goes on to `name`.
  ///
  /// - Returns: what it is, when it is the last.
  private mutating func take(_ name: ArraySlice<UInt8>) throws(Errno) -> FileDescriptor? {
    let isLast = rest.isEmpty
    let text = name.map { CChar(bitPattern: $0) } + [0]
    let found: FileDescriptor
    do throws(Errno) { found = try open(text, pathOnly | O_NOFOLLOW | O_CLOEXEC) } catch {
      guard error == .noSuchFileOrDirectory, isLast, !wantsDirectory, flags & O_CREAT != 0 else {
        throw error
      }
      return try open(text, flags | O_NOFOLLOW)
    }
    let status = try found.status()
    if status.kind == .symbolicLink {
      // One with a slash behind it is followed.
      guard isLast, !endsInSlash, flags & O_NOFOLLOW != 0 else {
        try followLink(found)
        return nil
      }
      if flags & O_DIRECTORY != 0 { throw .notDirectory }
      guard flags & pathOnly != 0 else { throw .tooManySymbolicLinks }
      return found
    }
    try check(found)
    guard isLast else {
      if status.kind != .directory { throw .notDirectory }
      steps.append(Step(found))
      return nil
    }
    if wantsDirectory, status.kind != .directory { throw .notDirectory }
    if flags & pathOnly != 0 { return found }
    if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL { throw .fileExists }
    let file = try open(text, flags | O_NOFOLLOW)
    // What was looked at is what was opened, unless somebody changes it all the time.
    let opened = try file.status()
    guard opened.fileSystem == status.fileSystem, opened.inode == status.inode else { throw .resourceBusy }
    try check(file)
    return file
  }

  private mutating func followLink(_ link: borrowing FileDescriptor) throws(Errno) {
    links += 1
    if resolve.contains(.noSymlinks) || links > Self.mostLinks { throw .tooManySymbolicLinks }
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try retrying { [number = link.rawValue] in linux_readlink(number, &target, target.count) }
    let text = target[..<Int(count)]
    // The magic ones of procfs say where they lead with a path of their own, or a type and a number.
    if try FileSystemStatus.of(link).kind == .procfs, text.first == slash || text.contains(UInt8(ascii: ":"))
    {
      throw .tooManySymbolicLinks
    }
    try push(text)
  }

  private func open(_ name: UnsafePointer<CChar>, _ flags: Int32) throws(Errno) -> FileDescriptor {
    FileDescriptor(owning: try retrying { [current, mode] in openat(current, name, flags, mode_t(mode)) })
  }

  /// Refuses what is on another mount than the start, where the walk is to stay on that.
  private func check(_ file: borrowing FileDescriptor) throws(Errno) {
    guard resolve.contains(.noCrossDevice) else { return }
    guard try mount(of: file.rawValue) == mount(of: root) else { throw Self.crossing }
  }

  private func mount(of file: Int32) throws(Errno) -> UInt64 {
    var id: UInt64 = 0
    try making(.statx) { linux_mount_id(file, &id) }
    return id
  }

  private static let crossing = Errno(rawValue: EXDEV)
}

private let pathOnly = OpenFlags.path.rawValue
private let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")
