import Linux

/// A file of lines that is open for appending.
struct LineFile: ~Copyable {
  private let file: FileDescriptor
  /// How long it is, in bytes.
  private(set) var size: Int

  /// Its descriptor's number.
  var rawValue: Int32 { file.rawValue }

  /// Opens the file at `path`, or makes it.
  init(_ path: String) throws(Errno) {
    let file = try FileDescriptor.open(
      path, [.readWrite, .create, .append, .noControllingTerminal], mode: 0o640)
    var size = try file.status().size
    // Whoever wrote last may have been cut short: that line stays torn, and the next one is whole.
    if size > 0, try file.byte(at: size - 1) != UInt8(ascii: "\n") {
      try file.writeAll([UInt8(ascii: "\n")])
      size += 1
    }
    self.file = file
    self.size = size
  }

  /// Makes room at `path` for a new file: what is there becomes `path.1`, that `path.2` and so on, and no more than `files`
  /// of them stay, the new one included.
  ///
  /// Wherever this is cut short, no file is lost that was to stay, and one number at most is missing.
  static func rotate(_ path: String, keeping files: Int) throws(Errno) {
    let last = max(1, files) - 1
    if last == 0 {
      do throws(Errno) { try File.remove(path) } catch .noSuchFileOrDirectory {}
    } else {
      var free = 1
      while free < last, (try? FileStatus.of("\(path).\(free)", following: false)) != nil { free += 1 }
      for number in (0..<free).reversed() {
        do throws(Errno) {
          try File.rename(number == 0 ? path : "\(path).\(number)", to: "\(path).\(number + 1)")
        } catch .noSuchFileOrDirectory {}
      }
    }
    // There are more when fewer are to stay than before.
    var surplus = last + 1
    while (try? File.remove("\(path).\(surplus)")) != nil { surplus += 1 }
  }

  /// Appends `lines`, as many as there is room for.
  ///
  /// - Returns: how many bytes that were, all of whole lines, and why there are not more.
  mutating func append(_ lines: UnsafeRawBufferPointer) -> (count: Int, failure: Errno?) {
    var written = 0
    do throws(Errno) {
      while written < lines.count {
        written += try file.write(from: UnsafeRawBufferPointer(rebasing: lines[written...]))
      }
    } catch {
      let whole = lines[..<written].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
      // By the file's own length, which is not ours when somebody else has cut it.
      let torn = written - whole
      if torn > 0, let length = try? file.status().size { try? file.truncate(to: max(0, length - torn)) }
      size += whole
      return (whole, error)
    }
    size += written
    return (written, nil)
  }
}
