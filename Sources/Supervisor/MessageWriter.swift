import Linux
import OCI

/// Writes lines for the person who runs a program, and waits for nobody who is to take them: what is too much is dropped, and
/// counted.
public final class MessageWriter {
  private let name: String
  private let target: Target
  private var waiting: [UInt8] = []
  private var lost = 0
  private var loop: EventLoop?
  private var isWatched = false

  /// So much may wait to be taken, in bytes.
  static let most = 256 << 10

  /// Where the lines go.
  private enum Target: ~Copyable {
    /// A file that is never waited for, or one of this writer's own that does not wait.
    case file(FileDescriptor)
    case socket(Socket)
    case nothing
  }

  /// Lines of the program `name` for what this process has open as `number`.
  public init(_ name: String, to number: Int32 = 2) {
    self.name = name
    target = Self.target(number)
  }

  private static func target(_ number: Int32) -> Target {
    guard let file = try? FileDescriptor.duplicate(of: number), let status = try? file.status() else {
      return .nothing
    }
    switch status.kind {
    case .socket: return .socket(Socket(file))
    case .fifo, .characterDevice:
      // Others have the same pipe or terminal open, and may want to wait for it.
      let own = try? FileDescriptor.open(
        "/proc/self/fd/\(number)", [.writeOnly, .nonBlocking, .noControllingTerminal])
      switch consume own {
      case .some(let own): return .file(own)
      case .none: return .file(file)
      }
    case .regular, .directory, .symbolicLink, .blockDevice, .unknown: return .file(file)
    }
  }

  deinit { unwatch() }

  /// Has `loop` write what cannot be written at once.
  public func wait(with loop: EventLoop) {
    self.loop = loop
    flush()
  }

  /// Writes a line, in which nothing does anything to a terminal.
  public func write(_ text: String) {
    let line = Array("\(name): \(text.printable)\n".utf8)
    guard waiting.isEmpty || waiting.count + line.count <= Self.most else {
      lost += 1
      return
    }
    waiting += line
    flush()
  }

  private func flush() {
    writeOut()
    if waiting.isEmpty, lost > 0 {
      waiting = Array("\(name): \(lost) messages were lost: they were not taken in time\n".utf8)
      lost = 0
      writeOut()
    }
    if waiting.isEmpty { unwatch() } else { watch() }
  }

  private func writeOut() {
    var sent = 0
    while sent < waiting.count {
      guard let count = writeNow(waiting[sent...]) else {
        // Nobody reads any more.
        waiting = []
        return
      }
      if count == 0 { break }
      sent += count
    }
    waiting.removeFirst(sent)
  }

  /// - Returns: how many bytes were taken; `nil` when none ever will be.
  private func writeNow(_ bytes: ArraySlice<UInt8>) -> Int? {
    switch target {
    case .file(let file): return file.writeNow(bytes)
    case .socket(let socket):
      do throws(Errno) {
        return try bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
          try socket.sendNow(UnsafeRawBufferPointer(buffer))
        }
      } catch .resourceTemporarilyUnavailable {
        return 0
      } catch {
        return nil
      }
    case .nothing: return nil
    }
  }

  private var number: Int32? {
    switch target {
    case .file(let file): file.rawValue
    case .socket(let socket): socket.descriptor.rawValue
    case .nothing: nil
    }
  }

  private func watch() {
    guard !isWatched, let loop, let number else { return }
    do throws(Errno) {
      try loop.watch(number, .writable) { [unowned self] _ in flush() }
      isWatched = true
    } catch {
      // It is tried again with the next line.
    }
  }

  private func unwatch() {
    if isWatched, let number { loop?.forget(number) }
    isWatched = false
  }
}
