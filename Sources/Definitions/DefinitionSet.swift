import Linux
import OCI

/// The partitions that files define.
public struct DefinitionSet: Sendable {
  /// A file, or directory, and what was found in it.
  public struct Source: Sendable {
    /// Where it is.
    public var path: String
    /// What it holds, or why that is not known.
    public var content: Content

    /// What a file holds.
    public enum Content: Sendable {
      case bytes([UInt8])
      /// It is read when its turn comes.
      case unread
      case unreadable(String)
    }

    /// The file at `path` with `content`.
    public init(path: String, content: Content) {
      self.path = path
      self.content = content
    }
  }

  /// A definition and its file.
  public struct Entry: Equatable, Sendable {
    /// What a partition is to be.
    public let definition: PartitionDefinition
    /// The file that says so.
    public let file: String
  }

  /// What is defined; no name is there twice.
  public private(set) var entries: [Entry] = []
  /// What is wrong with files. Such a file defines nothing, or what it defined before.
  public private(set) var errors: [DefinitionError] = []

  /// What is defined, each partition once.
  public var definitions: [PartitionDefinition] { entries.map(\.definition) }

  /// Nothing.
  public init() {}

  /// What `sources` define.
  ///
  /// A file with an error, also one that only others bring about, such as a name that is taken, defines nothing; the others
  /// are as good as without it.
  ///
  /// - Parameter old: what was defined before: what it has from a file that now has errors is kept, so that a slip of the
  ///   pen stops no partition.
  public init(_ sources: [Source], initProgram: String, keeping old: DefinitionSet = DefinitionSet()) {
    var reader = DefinitionReader(sources, initProgram: initProgram, keeping: old)
    while reader.read(atMost: .max) {}
    self = reader.set
  }

  /// Adds what is wrong with a file that cannot be read.
  mutating func add(unreadable path: String, _ reason: String, keeping old: DefinitionSet) {
    errors.append(DefinitionError(file: path, reason: reason))
    keep(old.entries(below: path))
  }

  /// Adds what is wrong with a file.
  mutating func add(wrong file: DefinitionFile, keeping former: [Entry]) {
    errors += file.errors
    keep(former)
  }

  /// Adds what `files` define, as far as it goes together.
  mutating func add(
    _ files: [DefinitionFile], former: [String: [Entry]], keeping old: DefinitionSet
  ) {
    var files = files
    var references = DefinitionReferences(former: Set(old.entries.map(\.definition.name)))
    while true {
      let found = references.errors(in: files, beside: entries)
      if found.wrong.isEmpty { break }
      errors += found.errors
      for path in found.wrong { keep(former[path] ?? []) }
      files.removeAll { found.wrong.contains($0.path) }
    }
    for file in files { entries += file.entries.map { Entry(definition: $0.definition, file: file.path) } }
  }

  /// The files at `paths`, which are not read yet; of a directory, those whose names end in `.json` and do not start with a dot, in the
  /// order of their names.
  public static func sources(_ paths: [String]) -> [Source] {
    var sources: [Source] = []
    for path in paths {
      do throws(Errno) {
        if try FileStatus.of(path).kind == .directory {
          let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
          let names = try Directory.entries(of: path).map(\.name)
          for name in names.sorted() where name.hasSuffix(".json") && !name.hasPrefix(".") {
            sources.append(Source(path: "\(directory)/\(name)", content: .unread))
          }
        } else {
          sources.append(Source(path: path, content: .unread))
        }
      } catch {
        sources.append(Source(path: path, content: .unreadable("cannot be read: \(error)")))
      }
    }
    return sources
  }

  /// What the file at `path` holds.
  static func content(of path: String) -> Source.Content {
    do throws(Errno) {
      // Opening a pipe would wait for somebody who writes to it, and so would reading some of the kernel's files.
      let file = try FileDescriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
      if try file.status().kind == .regular, try !FileSystemStatus.of(file).kind.isKernelInterface {
        return .bytes(try file.readToEnd(limit: 64 << 20))
      }
      return .unreadable("is no regular file")
    } catch {
      return .unreadable("cannot be read: \(error)")
    }
  }

  private mutating func keep(_ kept: [Entry]) { entries += kept }

  private func entries(below path: String) -> [Entry] {
    entries.filter { $0.file == path || $0.file.hasPrefix("\(path)/") }
  }
}
