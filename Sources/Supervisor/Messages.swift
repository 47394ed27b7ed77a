import Linux

/// Lines for the person who runs the program, for which it never waits: one that cannot be taken at once is lost, and the
/// next one that can be says how many were.
public final class Messages {
  private let output: FileDescriptor?
  private let isSocket: Bool
  /// What is left of a line that was taken in part.
  private var rest: ArraySlice<UInt8> = []
  private var lost = 0

  /// Lines for what is open as `number`, which others may write to as well, and wait for.
  public init(to number: Int32) {
    let kind = (try? FileDescriptor.duplicate(of: number).status())?.kind
    isSocket = kind == .socket
    if isSocket {
      output = try? FileDescriptor.duplicate(of: number)
    } else {
      // That nobody waits is said of what is opened, not of the descriptor: it is opened once more.
      output = try? FileDescriptor.open(
        "/proc/self/fd/\(number)", [.writeOnly, .append, .nonBlocking, .noControllingTerminal])
    }
  }

  /// Writes `text` as a line, or loses it.
  public func write(_ text: String) {
    if !rest.isEmpty { rest = rest.dropFirst(put(rest)) }
    guard rest.isEmpty else { return lost += 1 }
    var lines = Self.line(text)
    if lost > 0 {
      let missing = "\(lost) message\(lost == 1 ? " is" : "s are")"
      lines = Self.line("\(missing) missing here: nobody took them") + lines
    }
    let count = put(lines[...])
    guard count > 0 else { return lost += 1 }
    lost = 0
    rest = lines.dropFirst(count)
  }

  private static func line(_ text: String) -> [UInt8] { Array("swiftjaild: \(text)\n".utf8) }

  /// - Returns: how many of the bytes were taken.
  private func put(_ bytes: ArraySlice<UInt8>) -> Int {
    switch output {
    case .none: return 0
    case .some(let output):
      guard isSocket else { return output.writeNow(bytes) ?? 0 }
      return bytes.withUnsafeBytes { (try? Socket.sendNow($0, over: output)) ?? 0 }
    }
  }
}
