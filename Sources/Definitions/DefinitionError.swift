import OCI

/// Why a file of definitions cannot be carried out, and where.
public struct DefinitionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, or the directory that cannot be read.
  public var file: String
  /// The line, from 1; `nil` when the whole file cannot be read.
  public var line: Int?
  /// The field, such as `healthCheck.interval`, or `partitions[2].memory` in a file of several definitions; empty for the
  /// whole definition.
  public var field = ""
  /// What is wrong with it.
  public var reason: String

  /// `FILE:LINE: FIELD: REASON`, in one line.
  public var description: String {
    let place = line.map { "\(file):\($0)" } ?? file
    return field.isEmpty ? "\(place): \(reason)" : "\(place): \(field): \(reason)"
  }
}
