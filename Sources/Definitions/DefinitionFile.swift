import OCI

/// The definitions in one file, all of them right, or what is wrong with them.
struct DefinitionFile {
  /// A definition, and where it is.
  struct Entry {
    let definition: PartitionDefinition
    /// Its path in the document.
    let path: String
  }

  /// The file.
  let path: String
  /// What it defines; nothing when there are errors.
  private(set) var entries: [Entry] = []
  /// What is wrong in it, for each definition the first.
  private(set) var errors: [DefinitionError] = []

  private let bytes: [UInt8]
  private var isList = false
  private var surroundings: PartitionDefinition.Surroundings
  /// What is not read yet, the last first, with the number of each in a list.
  private var rest: [(index: Int?, json: JSON)] = []
  /// What the definition that is being read stands for, and the number of the next one.
  private var replicas: (of: Replicas, next: Int, index: Int?)?
  private var wrong: [ConfigError] = []

  /// Begins to read `bytes`, which the file at `path` holds: one definition, or a list of them.
  init(_ path: String, _ bytes: [UInt8], initProgram: String) {
    self.path = path
    self.bytes = bytes
    let slash = path.lastIndex(of: "/")
    let file = slash.map { String(path[path.index(after: $0)...]) } ?? path
    surroundings = PartitionDefinition.Surroundings(
      directory: slash.map { String(path[..<$0]) } ?? ".", initProgram: initProgram)
    let document: JSON
    do throws(JSONError) { document = try JSON(parsing: bytes) } catch {
      errors = [
        DefinitionError(
          file: path, line: error.line, reason: "not valid JSON at column \(error.column): \(error.message)")
      ]
      return
    }
    if case .array(let definitions) = document {
      isList = true
      rest = definitions.enumerated().reversed().map { ($0.offset, $0.element) }
    } else {
      surroundings.name = file.hasSuffix(".json") ? String(file.dropLast(5)) : file
      rest = [(nil, document)]
    }
  }

  /// Reads the next definitions, at most `count`.
  ///
  /// - Returns: whether there are more.
  mutating func read(atMost count: Int) -> Bool {
    for _ in 0..<max(1, count) {
      if replicas == nil {
        guard let (index, json) = rest.popLast() else { break }
        do throws(ConfigError) { replicas = (try Replicas(json), 1, index) } catch { add(error, index) }
      }
      guard let (all, number, index) = replicas else { continue }
      replicas = number < all.count ?? 1 ? (all, number + 1, index) : nil
      guard number <= all.count ?? 1 else { continue }
      do throws(ConfigError) {
        var surroundings = surroundings
        surroundings.name = surroundings.name.map { all.name($0, number) }
        let definition = try PartitionDefinition(json: all.definition(number), in: surroundings)
        try definition.checkLength()
        entries.append(Entry(definition: definition, path: index.map { "[\($0)]" } ?? ""))
      } catch {
        // Its replicas have the same error.
        replicas = nil
        add(error, index)
      }
    }
    if replicas != nil || !rest.isEmpty { return true }
    finish()
    return false
  }

  private mutating func add(_ error: ConfigError, _ index: Int?) {
    wrong.append(index.map { error.inside($0) } ?? error)
  }

  private mutating func finish() {
    guard !wrong.isEmpty else { return }
    entries = []
    errors = wrong.prefix(Self.mostErrors).map { self.error(at: $0.path, $0.reason) }
    if let more = more(than: wrong.count) { errors.append(more) }
    wrong = []
  }

  /// How many errors of a kind are told of one file: who made a slip in a file of thousands made it thousands of times.
  static let mostErrors = 20

  /// What stands for those of `count` errors that are not told.
  func more(than count: Int) -> DefinitionError? {
    let rest = count - Self.mostErrors
    return rest > 0
      ? DefinitionError(file: path, reason: "\(rest) more error\(rest == 1 ? "" : "s") of this kind") : nil
  }

  /// The error that what is at `path` in the document is wrong for `reason`.
  func error(at path: String, _ reason: String) -> DefinitionError {
    DefinitionError(
      file: self.path, line: JSON.line(of: path, in: bytes), field: isList ? "partitions\(path)" : path,
      reason: reason)
  }
}
