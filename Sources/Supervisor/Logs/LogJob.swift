import Definitions
import Linux

/// What is written to one log at once: whole lines, and where they go.
///
/// It lies with all that belongs to it in one piece of memory, and is carried out by code that neither allocates nor locks
/// (see `JobThread`), as disks may take their time.
struct LogJob {
  /// The log's name as a C string, and room for two that have a number after it.
  private let path: UnsafeMutablePointer<CChar>
  private let pathCount: Int
  private let older: UnsafeMutablePointer<CChar>
  private let oldest: UnsafeMutablePointer<CChar>
  /// The lines.
  let bytes: UnsafeMutablePointer<UInt8>
  let count: Int
  private let sizeLimit: Int
  private let fileLimit: Int

  /// The log's file when it is open, else -1.
  var file: Int32 = -1
  /// How long that is, in bytes.
  var size = 0
  /// Whether it stays open.
  var keepsFile = true
  /// Another file, which is closed first; -1 when there is none.
  var surplus: Int32 = -1

  /// How many of the bytes were written: whole lines.
  private(set) var written = 0
  /// Why not all of them were.
  var failure: Errno? { error == 0 ? nil : Errno(rawValue: error) }
  private var error: Int32 = 0

  /// What a name has after the log's: a point, the digits of any number, and a zero.
  private static let numberRoom = 24

  /// A job that writes `lines`, none of them for one that only closes a file.
  static func make(
    _ path: String, _ limits: PartitionDefinition.LogLimits, lines: UnsafeRawBufferPointer
  ) -> UnsafeMutablePointer<LogJob> {
    let size = MemoryLayout<LogJob>.stride
    let pathCount = path.utf8.count
    let nameRoom = pathCount + numberRoom
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: size + 3 * nameRoom + lines.count, alignment: MemoryLayout<LogJob>.alignment)
    let names = (memory + size).bindMemory(to: CChar.self, capacity: 3 * nameRoom)
    for number in 0..<3 {
      var target = names + number * nameRoom
      for byte in path.utf8 {
        target.pointee = CChar(bitPattern: byte)
        target += 1
      }
      target.pointee = 0
    }
    let bytes = (memory + size + 3 * nameRoom).bindMemory(to: UInt8.self, capacity: lines.count)
    if let source = lines.baseAddress {
      UnsafeMutableRawPointer(bytes).copyMemory(from: source, byteCount: lines.count)
    }
    let job = memory.bindMemory(to: LogJob.self, capacity: 1)
    job.initialize(
      to: LogJob(
        path: names, pathCount: pathCount, older: names + nameRoom, oldest: names + 2 * nameRoom,
        bytes: bytes, count: lines.count, sizeLimit: Int(clamping: limits.size), fileLimit: limits.files))
    return job
  }

  private init(
    path: UnsafeMutablePointer<CChar>, pathCount: Int, older: UnsafeMutablePointer<CChar>,
    oldest: UnsafeMutablePointer<CChar>, bytes: UnsafeMutablePointer<UInt8>, count: Int, sizeLimit: Int,
    fileLimit: Int
  ) {
    self.path = path
    self.pathCount = pathCount
    self.older = older
    self.oldest = oldest
    self.bytes = bytes
    self.count = count
    self.sizeLimit = sizeLimit
    self.fileLimit = max(1, fileLimit)
  }

  /// How many of the lines were not written, of those that begin at `start` or later.
  func lostEntries(from start: Int) -> UInt64 {
    var entries: UInt64 = 0
    for index in start..<max(start, count) where bytes[index] == Self.newline { entries += 1 }
    return entries
  }

  private static let newline = UInt8(ascii: "\n")

  // MARK: Carrying it out

  /// Carries out the job at `job`.
  @_noLocks
  static func carryOut(_ memory: UnsafeMutableRawPointer) {
    let job = memory.assumingMemoryBound(to: LogJob.self)
    if job.pointee.surplus >= 0 { RawFile.close(job.pointee.surplus) }
    job.pointee.surplus = -1
    while job.pointee.written < job.pointee.count, job.pointee.error == 0 { job.pointee.goOn() }
    if !job.pointee.keepsFile { job.pointee.close() }
  }

  @_noLocks
  private mutating func goOn() {
    if file < 0 { open() }
    if error != 0 { return }
    let end = endOfRoom()
    if end > written { write(to: end) } else { rotate() }
  }

  /// Where the last line ends that has room in the file: where the first begins when there is none for it.
  @_noLocks
  private func endOfRoom() -> Int {
    let room = sizeLimit - size
    if count - written <= room { return count }
    var end = written + max(0, room)
    while end > written, bytes[end - 1] != 0x0A { end -= 1 }
    if end > written || size > 0 { return end }
    // A file that is empty has room for one line, however long.
    while end < count, bytes[end] != 0x0A { end += 1 }
    return min(end + 1, count)
  }

  @_noLocks
  private mutating func write(to end: Int) {
    let start = written
    var position = start
    while position < end {
      let result = RawFile.write(file, bytes + position, end - position)
      if result > 0 {
        position += result
        continue
      }
      fail(result)
      let reached = position
      while position > start, bytes[position - 1] != 0x0A { position -= 1 }
      cut(reached - position)
      break
    }
    size += position - start
    written = position
  }

  /// Takes the torn end off the file.
  @_noLocks
  private func cut(_ torn: Int) {
    if torn == 0 { return }
    // By the file's own length, which is not ours when somebody else has cut it.
    let length = RawFile.size(file)
    if length >= 0 { _ = RawFile.truncate(file, to: max(0, length - torn)) }
  }

  @_noLocks
  private mutating func open() {
    let opened = RawFile.openForAppending(path, mode: 0o640)
    if opened < 0 { return fail(opened) }
    file = Int32(truncatingIfNeeded: opened)
    size = max(0, RawFile.size(file))
    if size == 0 { return }
    // Whoever wrote last may have been cut short: that line stays torn, and the next one is whole.
    let last = RawFile.byte(file, at: size - 1)
    if last == 0x0A { return }
    var newline: UInt8 = 0x0A
    let result = RawFile.write(file, &newline, 1)
    if result == 1 {
      size += 1
    } else {
      fail(result)
      close()
    }
  }

  @_noLocks
  private mutating func close() {
    if file >= 0 { RawFile.close(file) }
    file = -1
  }

  @_noLocks
  private mutating func fail(_ result: Int) {
    let ioError: Int32 = 5
    error = result < 0 ? Int32(truncatingIfNeeded: -result) : ioError
  }

  // MARK: Rotation

  /// Makes room for a new file: what is there becomes `path.1`, that `path.2` and so on, and no more than the limit of them
  /// stay, the new one included.
  ///
  /// Wherever this is cut short, no file is lost that was to stay, and one number at most is missing.
  @_noLocks
  private mutating func rotate() {
    close()
    let last = fileLimit - 1
    if last == 0 {
      settle(RawFile.remove(path))
    } else {
      var free = 1
      while free < last {
        name(older, free)
        if !RawFile.exists(older) { break }
        free += 1
      }
      var number = free - 1
      while number >= 0, error == 0 {
        name(older, number)
        name(oldest, number + 1)
        settle(RawFile.rename(older, to: oldest))
        number -= 1
      }
    }
    // There are more when fewer are to stay than before.
    var surplus = last + 1
    while error == 0 {
      name(older, surplus)
      if RawFile.remove(older) < 0 { break }
      surplus += 1
    }
  }

  /// Notes a failure, unless it is that there is no such file.
  @_noLocks
  private mutating func settle(_ result: Int) {
    let noSuchFile = -2
    if result < 0, result != noSuchFile { fail(result) }
  }

  /// Makes `target` the name of the file with the number `number`.
  @_noLocks
  private func name(_ target: UnsafeMutablePointer<CChar>, _ number: Int) {
    if number == 0 {
      target[pathCount] = 0
      return
    }
    target[pathCount] = 0x2E
    var digits = 1
    var rest = number / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    target[pathCount + digits + 1] = 0
    rest = number
    var place = pathCount + digits
    while place > pathCount {
      target[place] = CChar(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
      place -= 1
    }
  }
}
