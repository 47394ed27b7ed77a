import CLinux
import Glibc

/// Tells of changes to files (`inotify(7)`).
public struct Inotify: ~Copyable {
  private let descriptor: FileDescriptor

  /// What to be told of, and what came.
  public struct Events: OptionSet, Sendable {
    /// The kernel's `IN_*` bits.
    public let rawValue: UInt32
    /// The events with the kernel's bits `rawValue`.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `IN_MODIFY`: it was written to or cut.
    public static let modified = Events(rawValue: 0x002)
    /// `IN_ATTRIB`: its owner, permissions, times or number of names changed.
    public static let attributes = Events(rawValue: 0x004)
    /// `IN_CLOSE_WRITE`: somebody who could write to it has closed it.
    public static let closedAfterWriting = Events(rawValue: 0x008)
    /// `IN_MOVED_FROM`: a name in the directory went.
    public static let movedFrom = Events(rawValue: 0x040)
    /// `IN_MOVED_TO`: a name in the directory came.
    public static let movedTo = Events(rawValue: 0x080)
    /// `IN_CREATE`: a file was made in the directory.
    public static let created = Events(rawValue: 0x100)
    /// `IN_DELETE`: a file of the directory was removed.
    public static let deleted = Events(rawValue: 0x200)
    /// `IN_DELETE_SELF`: it was removed itself, and nobody has it open.
    public static let selfDeleted = Events(rawValue: 0x400)
    /// `IN_MOVE_SELF`: it got another name itself.
    public static let selfMoved = Events(rawValue: 0x800)
    /// `IN_Q_OVERFLOW`: more came than the kernel keeps, and some of it is lost; comes unasked, for no watch.
    public static let overflowed = Events(rawValue: 0x4000)
    /// `IN_IGNORED`: the watch has ended; comes unasked.
    public static let ignored = Events(rawValue: 0x8000)
    /// `IN_ONLYDIR`: only a directory is watched.
    public static let onlyDirectory = Events(rawValue: 0x0100_0000)
    /// `IN_DONT_FOLLOW`: a symbolic link is watched itself.
    public static let noFollow = Events(rawValue: 0x0200_0000)
    /// `IN_ISDIR`: what it is about is a directory; comes unasked.
    public static let isDirectory = Events(rawValue: 0x4000_0000)
  }

  /// One file or directory that is watched.
  public struct Watch: Hashable, Sendable {
    /// The kernel's number.
    public let rawValue: Int32
  }

  /// One change.
  public struct Event: Equatable, Sendable {
    /// Where; a number of -1 when the event is of no watch.
    public let watch: Watch
    /// What came.
    public let events: Events
    /// What the two halves of a rename have in common; 0 for all else.
    public let cookie: UInt32
    /// The name in the watched directory; empty when it is about what is watched itself.
    public let name: String
  }

  /// Watches nothing yet (`inotify_init1(2)`).
  public init() throws(Errno) {
    descriptor = FileDescriptor(
      owning: try once { inotify_init1(Int32(LINUX_IN_CLOEXEC) | Int32(LINUX_IN_NONBLOCK)) })
  }

  /// The number to wait for, readable when something came. It is valid while this value lives.
  public var rawValue: Int32 { descriptor.rawValue }

  /// Watches `path`; a file that is watched already is watched for `events` from now on (`inotify_add_watch(2)`).
  ///
  /// - Throws: `.noSpace` when the user has `fs.inotify.max_user_watches`.
  public func add(_ path: String, _ events: Events) throws(Errno) -> Watch {
    Watch(rawValue: try once { inotify_add_watch(descriptor.rawValue, path, events.rawValue) })
  }

  /// Watches no more (`inotify_rm_watch(2)`).
  public func remove(_ watch: Watch) throws(Errno) {
    try once { inotify_rm_watch(descriptor.rawValue, watch.rawValue) }
  }

  /// What came, in its order; nothing when there is nothing more.
  public func read() throws(Errno) -> [Event] {
    let size = 16 << 10
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
    defer { buffer.deallocate() }
    let count: Int
    do throws(Errno) { count = try descriptor.read(into: buffer) } catch .resourceTemporarilyUnavailable {
      return []
    }
    return Self.events(in: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }

  /// The events in what the kernel wrote: struct inotify_event and a name that ends with zeros.
  static func events(in bytes: UnsafeRawBufferPointer) -> [Event] {
    var events: [Event] = []
    var offset = 0
    while offset + 16 <= bytes.count {
      let length = Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
      guard offset + 16 + length <= bytes.count else { break }
      let name = bytes[(offset + 16)..<(offset + 16 + length)].prefix { $0 != 0 }
      events.append(
        Event(
          watch: Watch(rawValue: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)),
          events: Events(rawValue: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)),
          cookie: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self),
          name: String(decoding: name, as: UTF8.self)))
      offset += 16 + length
    }
    return events
  }
}
