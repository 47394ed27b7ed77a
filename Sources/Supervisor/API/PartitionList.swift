import Definitions
import Linux

/// What `GET /swiftjail/partitions` answers: partitions in as few bytes as tell what `swiftjail ps` shows of them, for
/// whoever asks for thousands.
///
/// The first line is the directory that their containers are kept in. Each line after it is one partition: its name, its
/// state, the pid of its first process or 0, since when it is what it is in nanoseconds since 1970, its command, and where
/// its layer is (`disk` or `memory`), with a tab between two. Of a bundle the command is empty, and there is no layer. A
/// control character or a percent sign in one of these is a percent sign and two hexadecimal digits.
struct PartitionList {
  private(set) var bytes: [UInt8] = []

  /// - Parameter inMemory: whether the layers of partitions are in memory.
  init(of partitions: some Collection<Partition>, in store: String, inMemory: Bool) {
    bytes.reserveCapacity(partitions.count * 96)
    add(store)
    end()
    for partition in partitions {
      add(partition.name)
      next()
      add(partition.state.rawValue)
      next()
      add(String(partition.pid ?? partition.waitingPid ?? 0))
      next()
      add(String(partition.record.started ?? partition.record.created))
      next()
      addCommand(of: partition.definition)
      if case .partition = partition.definition.content {
        next()
        add(inMemory ? "memory" : "disk")
      }
      end()
    }
  }

  /// That of a bundle is in its own configuration.
  private mutating func addCommand(of definition: PartitionDefinition) {
    guard case .partition(let settings) = definition.content else { return }
    if settings.command.isEmpty { return add("/bin/sh") }
    for (index, word) in settings.command.enumerated() {
      if index > 0 { add(" ") }
      add(word)
    }
  }

  private mutating func next() { bytes.append(UInt8(ascii: "\t")) }
  private mutating func end() { bytes.append(UInt8(ascii: "\n")) }

  private mutating func add(_ text: String) {
    let digits: StaticString = "0123456789ABCDEF"
    for byte in text.utf8 {
      if byte < 0x20 || byte == 0x7f || byte == UInt8(ascii: "%") {
        bytes.append(UInt8(ascii: "%"))
        bytes.append(digits.utf8Start[Int(byte >> 4)])
        bytes.append(digits.utf8Start[Int(byte & 15)])
      } else {
        bytes.append(byte)
      }
    }
  }
}
