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
  let entries: [Entry]
  /// What is wrong in it, for each definition the first.
  private(set) var errors: [DefinitionError]

  private let bytes: [UInt8]
  private var isList = false

  /// Reads `bytes`, which the file at `path` holds: one definition, or a list of them.
  init(_ path: String, _ bytes: [UInt8], initProgram: String) {
    self.path = path
    self.bytes = bytes
    let document: JSON
    do throws(JSONError) { document = try JSON(parsing: bytes) } catch {
      entries = []
      errors = [
        DefinitionError(
          file: path, line: error.line, reason: "not valid JSON at column \(error.column): \(error.message)")
      ]
      return
    }
    let slash = path.lastIndex(of: "/")
    let file = slash.map { String(path[path.index(after: $0)...]) } ?? path
    var surroundings = PartitionDefinition.Surroundings(
      directory: slash.map { String(path[..<$0]) } ?? ".", initProgram: initProgram)

    var found: [Entry] = []
    var wrong: [ConfigError] = []
    if case .array(let definitions) = document {
      isList = true
      for (index, json) in definitions.enumerated() {
        do throws(ConfigError) {
          for definition in try Self.definitions(json, surroundings) {
            found.append(Entry(definition: definition, path: "[\(index)]"))
          }
        } catch {
          wrong.append(error.inside(index))
        }
      }
    } else {
      surroundings.name = file.hasSuffix(".json") ? String(file.dropLast(5)) : file
      do throws(ConfigError) {
        for definition in try Self.definitions(document, surroundings) {
          found.append(Entry(definition: definition, path: ""))
        }
      } catch {
        wrong.append(error)
      }
    }
    entries = wrong.isEmpty ? found : []
    errors = []
    errors = wrong.prefix(Self.mostErrors).map { self.error(at: $0.path, $0.reason) }
    if let more = more(than: wrong.count) { errors.append(more) }
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

  private static func definitions(
    _ json: JSON, _ surroundings: PartitionDefinition.Surroundings
  ) throws(ConfigError) -> [PartitionDefinition] {
    let replicas = try Replicas(json)
    var definitions: [PartitionDefinition] = []
    for index in 1..<(1 + (replicas.count ?? 1)) {
      var surroundings = surroundings
      surroundings.name = surroundings.name.map { replicas.name($0, index) }
      let definition = try PartitionDefinition(json: replicas.definition(index), in: surroundings)
      try definition.checkLength()
      definitions.append(definition)
    }
    return definitions
  }
}
