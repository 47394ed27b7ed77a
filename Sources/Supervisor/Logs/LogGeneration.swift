import Linux

/// One of the files of a log, open for reading, whatever its name is by now.
struct LogGeneration: ~Copyable {
  /// What tells a file from all others that are there at the same time.
  struct Identity: Equatable {
    let fileSystem: UInt64
    let inode: UInt64

    init(_ status: FileStatus) {
      fileSystem = status.fileSystem
      inode = status.inode
    }
  }

  /// A file and the name that it had when it was looked at.
  struct Place {
    let name: String
    let identity: Identity
  }

  private let file: FileDescriptor
  /// Which file it is; no other is while this is open.
  let identity: Identity

  /// The files of the log at `path`, the youngest first.
  ///
  /// A rotation gives files greater numbers meanwhile, so one may be there twice, and none is missed.
  static func list(_ path: String) throws(Errno) -> [Place] {
    var places: [Place] = []
    var number = 0
    var missing = 0
    // A rotation leaves one number without a file at times.
    while missing < 2 {
      let name = number == 0 ? path : "\(path).\(number)"
      do throws(Errno) {
        places.append(Place(name: name, identity: Identity(try FileStatus.of(name))))
        missing = 0
      } catch .noSuchFileOrDirectory { missing += 1 }
      number += 1
    }
    return places
  }

  /// Opens the file at `place`; `nil` when another one is there by now.
  static func open(_ place: Place) throws(Errno) -> LogGeneration? {
    let file: FileDescriptor
    do throws(Errno) { file = try FileDescriptor.open(place.name, .readOnly) } catch .noSuchFileOrDirectory {
      return nil
    }
    let identity = Identity(try file.status())
    guard identity == place.identity else { return nil }
    return LogGeneration(file: file, identity: identity)
  }

  private init(file: consuming FileDescriptor, identity: Identity) {
    self.file = file
    self.identity = identity
  }

  /// How long it is, in bytes.
  func size() throws(Errno) -> Int { try file.status().size }

  /// Up to `count` bytes from `offset` on.
  func bytes(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    // A little that is new takes a little memory.
    let count = min(count, try size() - offset)
    if count <= 0 { return [] }
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(Errno) {
        filled = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
