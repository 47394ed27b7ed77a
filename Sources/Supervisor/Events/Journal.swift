import Linux
import OCI

/// What has happened, in a file that outlives every supervisor: each end in it once.
///
/// The file at `path` is the younger one, and `path.1` the older. What cannot be written, to a full disk for one, waits
/// in memory: ends without bounds, as the keeper tells them again anyway, other things up to some number.
final class Journal {
  let path: String
  private let boot: String
  private let size: Int
  private let loop: EventLoop
  private let log: (String) -> Void
  private var file: LineFile?
  private var timer: EventLoop.Timer?
  private let sync: FileSync
  /// The ends that are in the file.
  private(set) var written: EndMarks
  /// The ends that are in the file or on their way.
  private(set) var noted: EndMarks
  /// What is on its way to the file, the oldest first.
  private(set) var pending: [JournalEntry] = []
  private var dropped = 0
  private var hasFailed = false
  /// Called when what was on its way is in the file.
  var onCatchUp: (() -> Void)?

  /// Before it is tried again to write, in milliseconds.
  private static let pause: Int64 = 1000
  /// So many wait in memory, ends apart.
  private static let most = 16_384
  /// How many files there are.
  private static let files = 2
  /// What is looked at of a file for its last line, in bytes.
  private static let longestEnd = 1 << 20

  /// The journal at `path`, whose files are at most `size` bytes long, in the boot `boot` of the machine.
  ///
  /// - Parameter disk: what puts it on the disk; `nil` for one of its own.
  init(
    _ path: String, size: Int, boot: String, _ loop: EventLoop, disk: DiskSync? = nil,
    log: @escaping (String) -> Void
  ) throws(Errno) {
    self.path = path
    self.boot = boot
    self.size = size
    self.loop = loop
    self.log = log
    let last = try Self.lastMark(path)
    written = last?.boot == boot ? last?.ends ?? EndMarks() : EndMarks()
    noted = written
    let disk = disk ?? DiskSync(loop, log: log)
    sync = FileSync(
      loop, begin: { (number, done) throws(Errno) in try disk.begin(number, done: done) }, log: log)
    sync.file = { [unowned self] in number }
  }

  /// Appends `messages`, now or as soon as that can be done.
  ///
  /// - Parameter end: the number of the end that they tell of, which is greater than any before of its keeper.
  func append(_ messages: [EventMessage], end: UInt64? = nil) {
    for (index, message) in messages.enumerated() {
      if end == nil, pending.count >= Self.most {
        dropped += 1
        continue
      }
      // With its last line an end is told.
      if let end, index == messages.count - 1 { noted.note(end) }
      let mark = JournalEntry.Mark(boot: boot, ends: noted)
      pending.append(JournalEntry(message: message, mark: mark))
    }
    if timer == nil { write() }
  }

  /// Writes what waits, as much as there is room for.
  private func write() {
    do throws(Errno) {
      while !pending.isEmpty { try writeShare() }
      if dropped > 0 { log("\(path): \(dropped) events are missing in it, for lack of room") }
      dropped = 0
    } catch {
      if !hasFailed {
        log("append to \(path): \(error); what happens waits in memory: make room on the disk")
      }
      hasFailed = true
      timer = loop.after(milliseconds: Self.pause) { [unowned self] in
        timer = nil
        write()
        if timer == nil { onCatchUp?() }
      }
      return
    }
    hasFailed = false
  }

  /// Writes some of what waits.
  private func writeShare() throws(Errno) {
    var bytes: [UInt8] = []
    var lengths: [Int] = []
    for waiting in pending {
      if !bytes.isEmpty, bytes.count >= LogLines.blockSize { break }
      let line = waiting.line
      bytes += line
      lengths.append(line.count)
    }
    try makeRoom(for: bytes.count)
    guard let result = bytes.withUnsafeBytes({ file?.append($0) }) else { return }
    var rest = result.count
    var count = 0
    while count < lengths.count, rest >= lengths[count] {
      rest -= lengths[count]
      count += 1
    }
    if count > 0 {
      written = pending[count - 1].mark.ends
      pending.removeFirst(count)
      sync.schedule()
    }
    if let failure = result.failure {
      // Whatever state its end is in, it is looked at again.
      file = nil
      throw failure
    }
  }

  private func makeRoom(for count: Int) throws(Errno) {
    if file == nil { file = try LineFile(path) }
    guard let length = file?.size, length > 0, length + count > size else { return }
    sync.finishFile()
    file = nil
    try LineFile.rotate(path, keeping: Self.files)
    file = try LineFile(path)
  }

  /// The file's descriptor, while it is open.
  private var number: Int32? {
    switch file {
    case .some(let file): file.rawValue
    case .none: nil
    }
  }

  /// When those containers have died of which the last lines tell, by their ids.
  func lastDeaths() -> [String: Int64] {
    var deaths: [String: Int64] = [:]
    do throws(Errno) {
      let lines = LogLines(path)
      guard try lines.moveBack(), let length = try lines.size() else { return [:] }
      let start = max(0, length - LogLines.blockSize)
      let bytes = try lines.bytes(at: start, count: length - start) ?? []
      for line in bytes.split(separator: UInt8(ascii: "\n")) {
        guard let message = try? EventMessage(parsing: Array(line)), message.action == "die" else { continue }
        deaths[message.id] = message.time
      }
    } catch {
      // It is told once more.
    }
    return deaths
  }

  /// What the last whole line of the journal at `path` says.
  private static func lastMark(_ path: String) throws(Errno) -> JournalEntry.Mark? {
    let lines = LogLines(path)
    while try lines.moveBack() {
      guard let length = try lines.size() else { continue }
      let start = max(0, length - longestEnd)
      let bytes = try lines.bytes(at: start, count: length - start) ?? []
      for line in bytes.split(separator: UInt8(ascii: "\n")).reversed() {
        if let entry = try? JournalEntry(parsing: Array(line)) { return entry.mark }
      }
    }
    return nil
  }
}
