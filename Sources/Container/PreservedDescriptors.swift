import Linux

/// The caller's descriptors that a container's program gets besides the standard streams: those from number 3 up, without a
/// gap.
///
/// This is created before the program opens a file of its own. As all these numbers are taken then, its own descriptors
/// have higher ones, and none of them can be mistaken for one of the caller's.
public struct PreservedDescriptors: Sendable {
  /// How many there are.
  public let count: Int32

  /// None.
  public static let none = PreservedDescriptors(unchecked: 0)

  private init(unchecked count: Int32) { self.count = count }

  /// The `count` descriptors from number 3 up.
  ///
  /// - Parameter source: where the number comes from, such as "--preserve-fds 2", for the error.
  /// - Throws: `ContainerError` of the kind `.invalidConfig` when the caller has left one of them closed.
  public init(_ count: Int32, from source: String) throws(ContainerError) {
    guard (0...Self.most).contains(count) else {
      throw ContainerError(.invalidConfig, "\(source): must be a number from 0 to \(Self.most)")
    }
    for number in 3..<(3 + count) where !isOpen(number) {
      throw ContainerError(
        .invalidConfig, "\(source): descriptor \(number) is not open: open it, or preserve fewer")
    }
    self.count = count
  }

  /// As many descriptors as Linux lets a process have unless it is told otherwise (`fs.nr_open`).
  private static let most: Int32 = 1 << 20

  /// Their numbers.
  var numbers: Range<Int32> { 3..<end }

  /// The number behind the last one.
  var end: Int32 { 3 + count }
}
