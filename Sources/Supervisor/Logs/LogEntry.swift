/// A standard stream of a partition, with the number that it has in a multiplexed stream of Docker's API.
public enum LogStream: UInt8, Sendable {
  case stdout = 1
  case stderr = 2
}

/// Some of a partition's streams.
public struct LogStreams: OptionSet, Sendable {
  /// A bit for each stream.
  public let rawValue: UInt8
  /// The streams with the bits `rawValue`.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// The stream `stream` alone.
  public init(_ stream: LogStream) { rawValue = stream.rawValue }
  /// Standard output.
  public static let stdout = LogStreams(.stdout)
  /// Standard error.
  public static let stderr = LogStreams(.stderr)
}

/// A line of output, or a piece of a long one, as a log holds it.
public struct LogEntry: Equatable, Sendable {
  /// The most text that one entry holds, in bytes, without the newline.
  public static let longest = 16 << 10

  /// Where it was written.
  public var stream: LogStream
  /// When, in nanoseconds since 1970.
  public var time: Int64
  /// The text, with the newline when the line ends here. It is UTF-8.
  public var bytes: [UInt8]

  /// The entry with `bytes`.
  public init(stream: LogStream, time: Int64, bytes: [UInt8]) {
    self.stream = stream
    self.time = time
    self.bytes = bytes
  }
}

/// Which entries of a log are asked for.
public struct LogSelection: Equatable, Sendable {
  /// Of which streams.
  public var streams: LogStreams = [.stdout, .stderr]
  /// Not those before, in nanoseconds since 1970.
  public var since: Int64?
  /// Not those after.
  public var until: Int64?
  /// Of those, only so many last lines of what is there at the start; `nil` is all.
  public var tail: Int?

  /// Whether they were written at a terminal, where a piece of a line may be an entry of any length.
  public var isTerminal = false

  /// All entries.
  public init() {}

  /// Whether the line of `entry` goes on in the next entry of the same stream.
  public func continues(_ entry: borrowing LogEntry) -> Bool {
    // A line that ended with its program is most likely shorter than an entry can be.
    entry.bytes.last != UInt8(ascii: "\n") && (isTerminal || entry.bytes.count > LogEntry.longest - 4)
  }

  /// Whether `entry` is asked for, apart from `tail`.
  public func contains(_ entry: borrowing LogEntry) -> Bool {
    streams.contains(LogStreams(entry.stream)) && entry.time >= since ?? .min && entry.time <= until ?? .max
  }
}
