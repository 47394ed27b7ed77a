import Container
import Definitions
import Layers
import Linux
import Supervisor

/// What the command line says.
struct DaemonOptions {
  var config = "/etc/swiftjail/partitions.d"
  var root = ContainerStore.defaultPath
  var socket: String?
  /// Where the layers of partitions are; `nil` for the usual place.
  var storage: String?
  /// The size of the tmpfs that holds them where the file system cannot, in bytes.
  var storageMemory: UInt64?
  /// Of each of the two files that tell what has happened, in bytes.
  var journalSize = 16 << 20
  var load = LoadDefaults()

  static let help = """
    swiftjaild keeps the partitions that files define, and those that it is asked for, as they are to be.

    Usage: swiftjaild [options]

    Options:
          --config DIR            read the definitions in DIR (default: /etc/swiftjail/partitions.d)
          --root DIR              keep the state of containers in DIR (default: /run/swiftjail)
          --storage DIR           keep the layers of partitions in DIR (default: /var/lib/swiftjail/partitions)
          --storage-memory SIZE   the most memory for layers, where DIR cannot hold them (default: half of all)
          --socket PATH           listen at PATH (default: swiftjaild.sock in the root)
          --journal-size SIZE     keep twice SIZE of what has happened (default: 16m)
          --reclaim-after TIME    give back memory of partitions that are idle for TIME, such as 5m
          --memory-range MIN-MAX  let partitions lend and borrow memory: between so many percent of their limits
          --weight-range MIN-MAX  let CPU weights follow demand between these
      -v, --version               print the version
      -h, --help                  print this help

    --reclaim-after and the two ranges are for partitions whose definitions say nothing of the load.

    It may end at any moment: what runs goes on, and the next one takes it over.

    """

  /// - Returns: `nil` when all that was asked for was to be printed, and is.
  init?(_ words: ArraySlice<String>) throws(UsageError) {
    var words = words
    while let word = words.popFirst() {
      var name = word
      var given: String?
      if let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) {
        name = String(word[..<equals])
        given = String(word[word.utf8.index(after: equals)...])
      }
      switch name {
      case "--help", "-h":
        Self.print(Self.help)
        return nil
      case "--version", "-v":
        Self.print("swiftjaild version \(APIService.version)\n")
        return nil
      case "--config": config = try Self.value(given, &words, of: name)
      case "--root": root = try Self.value(given, &words, of: name)
      case "--journal-size":
        let text = try Self.value(given, &words, of: name)
        guard let size = ByteSize(text), size.bytes >= 64 << 10 else {
          throw UsageError(description: "\(name): must be an amount such as 16m, and at least 64k")
        }
        journalSize = Int(size.bytes)
      case "--storage": storage = try Self.value(given, &words, of: name)
      case "--storage-memory":
        let text = try Self.value(given, &words, of: name)
        guard let size = ByteSize(text), size.bytes > 0 else {
          throw UsageError(description: "\(name): must be an amount of memory such as 512m or 2g")
        }
        storageMemory = UInt64(size.bytes)
      case "--socket": socket = try Self.value(given, &words, of: name)
      case "--reclaim-after": load.reclaimAfter = try Self.time(Self.value(given, &words, of: name), of: name)
      case "--memory-range":
        let range = try Self.range(Self.value(given, &words, of: name), of: name, within: 1...1000)
        guard range.contains(100) else {
          throw UsageError(description: "\(name): must be such as 50-200, with 100 percent in it")
        }
        load.memory = range
      case "--weight-range":
        load.cpuWeight = try Self.range(Self.value(given, &words, of: name), of: name, within: 1...10_000)
      default: throw UsageError(description: "\(word): there is no such option")
      }
    }
    // The keeper has a working directory of its own.
    root = try Self.absolute(root, "--root")
    config = try Self.absolute(config, "--config")
    storage = try storage.map { (path) throws(UsageError) in try Self.absolute(path, "--storage") }
    socket = try socket.map { (path) throws(UsageError) in try Self.absolute(path, "--socket") }
  }

  private static func absolute(_ path: String, _ name: String) throws(UsageError) -> String {
    do throws(Errno) { return try Directory.absolute(path) } catch {
      throw UsageError(description: "\(name) \(path): the working directory has no path: \(error)")
    }
  }

  private static func print(_ text: String) {
    try? FileDescriptor.duplicate(of: 1).writeAll(Array(text.utf8))
  }

  private static func value(
    _ given: String?, _ words: inout ArraySlice<String>, of name: String
  ) throws(UsageError) -> String {
    guard let value = given ?? words.popFirst(), !value.isEmpty else {
      throw UsageError(description: "\(name): needs a value")
    }
    return value
  }

  private static func time(_ text: String, of name: String) throws(UsageError) -> Int64 {
    guard let time = DurationText.milliseconds(text), time > 0 else {
      throw UsageError(description: "\(name): must be a length of time above 0 such as 5m")
    }
    return time
  }

  private static func range(
    _ text: String, of name: String, within bounds: ClosedRange<Int>
  ) throws(UsageError) -> ClosedRange<Int> {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard ends.count == 2, let least = ends[0], let most = ends[1], bounds.contains(least),
      bounds.contains(most), least < most
    else {
      throw UsageError(
        description: "\(name): must be MIN-MAX, two numbers from \(bounds.lowerBound) to \(bounds.upperBound)"
      )
    }
    return least...most
  }

  var socketPath: String { socket ?? "\(root)/swiftjaild.sock" }
}

/// Why a command line cannot be carried out.
struct UsageError: Error {
  let description: String
}
