import Linux
import OCI

/// The records of all partitions: a file each, in one directory.
///
/// Its first line says what the partition is, each further one how it goes, and the last of these counts: a line that is
/// added costs a tenth of a file that takes another's place.
struct RecordStore {
  let directory: String

  init(directory: String) throws(SupervisorError) {
    self.directory = directory
    do throws(Errno) { try Directory.makeAll(directory, mode: 0o700) } catch {
      throw SupervisorError("make \(directory)", error)
    }
  }

  /// All records, and what is wrong with those that cannot be read; of most of these something is left.
  func load() throws(SupervisorError) -> (records: [PartitionRecord], errors: [String]) {
    var records: [PartitionRecord] = []
    var errors: [String] = []
    let names: [String]
    do throws(Errno) { names = try Directory.entries(of: directory).map(\.name).sorted() } catch {
      throw SupervisorError("read \(directory)", error)
    }
    for name in names {
      let path = "\(directory)/\(name)"
      if name.utf8.suffix(Self.former.utf8.count).elementsEqual(Self.former.utf8) {
        if let error = settle(String(path.dropLast(Self.former.count))) { errors.append(error) }
        // Unless it has taken the other's place, it is needed no more.
        try? File.remove(path)
      }
    }
    for name in names {
      let path = "\(directory)/\(name)"
      let isRemoval = name.utf8.suffix(Self.removal.utf8.count).elementsEqual(Self.removal.utf8)
      if isRemoval, (try? FileStatus.of(String(path.dropLast(Self.mark.utf8.count)))) != nil {
        // The record was written again since, and says it as well.
        try? File.remove(path)
        continue
      }
      guard isRemoval || name.utf8.suffix(5).elementsEqual(".json".utf8) else {
        if Self.isDraft(name) { try? File.remove(path) }
        continue
      }
      let lines: [[UInt8]]
      do throws(Errno) {
        lines = try File.read(path, limit: 16 << 20).split(
          separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
        ).map(Array.init)
      } catch {
        errors.append("\(path): \(error)")
        continue
      }
      do {
        var record = try Self.record(lines)
        if isRemoval { record.isBeingRemoved = true }
        records.append(record)
      } catch {
        errors.append("\(path): \(error)")
        let partition = String(name.dropLast(isRemoval ? Self.removal.utf8.count : 5))
        guard var record = PartitionRecord(salvaging: lines[0], of: partition, "\(error)") else { continue }
        try? Self.takeProgress(lines, &record)
        if isRemoval { record.isBeingRemoved = true }
        records.append(record)
      }
    }
    return (records, errors)
  }

  private static func record(_ lines: [[UInt8]]) throws -> PartitionRecord {
    var record = try PartitionRecord(parsing: lines[0])
    try takeProgress(lines, &record)
    return record
  }

  /// Whether `name` is that of a draft, which a supervisor has left that was cut short: a record's, and a number.
  private static func isDraft(_ name: String) -> Bool {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
    let number = name.utf8[name.utf8.index(after: dot)...]
    return !number.isEmpty && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && name.utf8[..<dot].suffix(5).elementsEqual(".json".utf8)
  }

  /// Takes from the last whole line how it goes.
  private static func takeProgress(_ lines: [[UInt8]], _ record: inout PartitionRecord) throws {
    // Behind the last end of a line there is nothing, or a line whose writing was cut short.
    guard lines.count > 2 else { return }
    try record.take(progress: try JSON.Object(json: try JSON(parsing: lines[lines.count - 2])))
  }

  /// Writes a record.
  ///
  /// - Parameter length: of its file, when that says already what the partition is; else 0.
  /// - Returns: the length of its file now.
  func save(_ record: PartitionRecord, length: Int) throws(SupervisorError) -> Int {
    let path = path(of: record.definition.name)
    let progress = record.progress.bytes() + [UInt8(ascii: "\n")]
    do throws(Errno) {
      if length > 0, length + progress.count <= Self.longest {
        do throws(Errno) {
          try FileDescriptor.open(path, [.writeOnly, .append]).writeAll(progress)
          return length + progress.count
        } catch .noSuchFileOrDirectory {
          // Somebody has removed it.
        }
      }
      if record.isOnlyHere {
        do throws(Errno) { try File.link(path, to: path + Self.former) } catch {
          // There is none yet, or an older one that is on the disk for certain.
        }
      }
      let whole = (record.damage?.line ?? record.json.bytes()) + [UInt8(ascii: "\n")] + progress
      try File.replace(path, with: whole, swapping: true)
      return whole.count
    } catch {
      throw SupervisorError("write \(path)", error)
    }
  }

  /// What is behind the name of a file whose successor may not be on the disk yet.
  private static let former = ".old"

  /// Notes that the file at `path` is on the disk: the one before it is not needed any more.
  func noteSync(of path: String) { try? File.remove(path + Self.former) }

  /// Sees to it that of the file at `path` and the one before it the younger is there that is whole: the machine may have
  /// stopped before all of it was on the disk.
  ///
  /// - Returns: what there is to be said of that.
  private func settle(_ path: String) -> String? {
    // Whoever has removed it wants it gone.
    guard (try? FileStatus.of(path)) != nil else { return nil }
    let line = (try? File.read(path, limit: 16 << 20))?.prefix { $0 != UInt8(ascii: "\n") } ?? []
    do throws(Errno) {
      guard (try? JSON(parsing: Array(line))) == nil else {
        try FileDescriptor.open(path, .readOnly).sync()
        return nil
      }
      try File.rename(path + Self.former, to: path)
      return "\(path): it is not whole, as if the machine had lost its power; what it was before counts"
    } catch { return "\(path): \(error)" }
  }

  /// The suffix of the file of a record whose partition is being removed, when this could not be written into the
  /// record.
  private static let mark = ".removed"
  private static let removal = ".json\(mark)"

  /// Marks the record of a partition that is being removed by the name of its file, for which a full disk has room.
  func markRemoval(of name: String) throws(SupervisorError) {
    let path = path(of: name)
    do throws(Errno) { try File.rename(path, to: path + Self.mark) } catch {
      throw SupervisorError("rename \(path)", error)
    }
  }

  /// A file of which no more than the last line counts is not worth more than this, in bytes.
  private static let longest = 16 << 10

  func remove(_ name: String) throws(SupervisorError) {
    // First, so that it does not come back.
    noteSync(of: path(of: name))
    try? File.remove(path(of: name) + Self.mark)
    do throws(Errno) { try File.remove(path(of: name)) } catch .noSuchFileOrDirectory {} catch {
      throw SupervisorError("remove \(path(of: name))", error)
    }
  }

  func path(of name: String) -> String { "\(directory)/\(name).json" }
}
