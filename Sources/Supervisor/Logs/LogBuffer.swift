/// Lines of Docker's json-file format that are on their way to a file: `{"log":"…","stream":"…","time":"…"}`.
///
/// All is done on bytes in one piece of memory, as this is the path of everything that any partition prints.
struct LogBuffer: ~Copyable {
  /// How much is gathered for one write.
  static let full = 256 << 10
  /// What one entry takes at most: each byte as `\u00XX`, and what is around it.
  private static let longestLine = 6 * (LogEntry.longest + 1) + 128

  private let memory: UnsafeMutablePointer<UInt8>
  /// How many bytes are in it.
  private(set) var count = 0
  /// What ends each line now: from the text's closing quote to the newline.
  private let ending: UnsafeMutablePointer<UInt8>
  private var endingCount = 0

  init() {
    // The kernel gives pages as they are touched, and the text's eight bytes at a time may touch some beyond its end.
    memory = .allocate(capacity: Self.full + Self.longestLine + 8)
    ending = .allocate(capacity: 128)
  }

  deinit {
    memory.deallocate()
    ending.deallocate()
  }

  /// Whether it is to be written before more is put in.
  var isFull: Bool { count >= Self.full }

  /// The bytes in it.
  borrowing func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: memory, count: count))
  }

  /// Takes all out.
  mutating func removeAll() { count = 0 }

  /// Has the lines that follow come from `stream` at `time`.
  mutating func begin(_ stream: LogStream, at time: Int64) {
    let before: StaticString =
      stream == .stdout ? #"","stream":"stdout","time":""# : #"","stream":"stderr","time":""#
    ending.update(from: before.utf8Start, count: before.utf8CodeUnitCount)
    LogTime.write(time, to: ending + before.utf8CodeUnitCount)
    endingCount = before.utf8CodeUnitCount + LogTime.length
    for byte in [UInt8(ascii: "\""), UInt8(ascii: "}"), UInt8(ascii: "\n")] {
      ending[endingCount] = byte
      endingCount += 1
    }
  }

  /// Puts in the line that `text` begins with: up to its newline, or as much of it as one entry holds.
  ///
  /// - Parameter isLast: whether what has no newline is a line as well, because nothing more comes.
  /// - Returns: how much of `text` that was; 0 when its line is not over yet, and nothing was put in.
  mutating func append(lineOf text: UnsafeRawBufferPointer, isLast: Bool) -> Int {
    guard let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
    let before = count
    put(#"{"log":""#)
    let count = text.count
    var target = memory + self.count
    var index = 0
    var isOver = false
    while index < count {
      if index + 8 <= count, index + 8 <= LogEntry.longest {
        let word = UnsafeRawPointer(start + index).loadUnaligned(as: UInt64.self)
        UnsafeMutableRawPointer(target).storeBytes(of: word, as: UInt64.self)
        let plain = Self.plainBytes(UInt64(littleEndian: word))
        index += plain
        target += plain
        if plain == 8 { continue }
      }
      let byte = start[index]
      if byte == UInt8(ascii: "\n") {
        target = Self.put(#"\n"#, target)
        index += 1
        isOver = true
        break
      }
      // A character is not divided between two entries.
      if index + UTF8Sequence.expectedLength(byte) > LogEntry.longest {
        isOver = true
        break
      }
      if byte < 0x80 {
        target = Self.put(ascii: byte, target)
        index += 1
      } else {
        let length = UTF8Sequence.length(start + index, count - index)
        if length == 0 {
          target = Self.put("\u{FFFD}", target)
          index += 1
        } else {
          target.update(from: start + index, count: length)
          target += length
          index += length
        }
      }
    }
    guard isOver || isLast else {
      self.count = before
      return 0
    }
    target.update(from: ending, count: endingCount)
    self.count = target - memory + endingCount
    return index
  }

  private mutating func put(_ text: StaticString) {
    count = Self.put(text, memory + count) - memory
  }

  @inline(__always)
  private static func put(
    _ text: StaticString, _ target: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    target.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    return target + text.utf8CodeUnitCount
  }

  /// Puts a byte below 0x80 as JSON has it in a string.
  @inline(__always)
  private static func put(
    ascii byte: UInt8, _ target: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    switch byte {
    case UInt8(ascii: "\""): return put(#"\""#, target)
    case UInt8(ascii: "\\"): return put(#"\\"#, target)
    case UInt8(ascii: "\r"): return put(#"\r"#, target)
    case UInt8(ascii: "\t"): return put(#"\t"#, target)
    case 0..<0x20:
      let target = put(#"\u00"#, target)
      target[0] = UInt8(ascii: "0") + byte >> 4
      let low = byte & 15
      target[1] = low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10
      return target + 2
    default:
      target[0] = byte
      return target + 1
    }
  }

  /// How many of the eight bytes, from the lowest on, stand for themselves: ASCII that needs no escape.
  @inline(__always)
  private static func plainBytes(_ word: UInt64) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    // The highest bit of each byte that is 0x80 or more, below 0x20, a quote or a backslash; a borrow may set bits of
    // bytes above such a one, never below.
    let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
    let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
    let control = (word &- ones &* 0x20) & ~word
    let marks = word | control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
    return (marks & (ones &* 0x80)).trailingZeroBitCount >> 3
  }
}
