/// Why a text is not JSON, and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line, from 1.
  public let line: Int
  /// The byte in the line, from 1.
  public let column: Int
  /// What is wrong there, in plain words.
  public let message: String

  /// The place and what is wrong there, in one line.
  public var description: String { "line \(line), column \(column): \(message)" }
}
