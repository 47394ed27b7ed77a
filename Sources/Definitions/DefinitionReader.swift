/// Reads files of definitions a share at a time, as others may have to wait meanwhile.
public struct DefinitionReader: Sendable {
  /// What the files define, once all are read.
  public private(set) var set = DefinitionSet()
  private let initProgram: String
  private let old: DefinitionSet
  private let former: [String: [DefinitionSet.Entry]]
  /// What is not begun yet, the last first.
  private var sources: [DefinitionSet.Source]
  /// The file that is being read.
  private var file: DefinitionFile?
  private var files: [DefinitionFile] = []

  /// Begins to read `sources`; `DefinitionSet.init` says what comes of them.
  public init(
    _ sources: [DefinitionSet.Source], initProgram: String, keeping old: DefinitionSet = DefinitionSet()
  ) {
    self.initProgram = initProgram
    self.old = old
    self.sources = sources.reversed()
    former = Dictionary(grouping: old.entries, by: \.file)
  }

  /// Reads the next definitions, at most `count` and of one file.
  ///
  /// - Returns: whether there is more to be done; else `set` is whole.
  public mutating func read(atMost count: Int) -> Bool {
    if file != nil {
      if file?.read(atMost: count) == true { return true }
      end()
      return true
    }
    guard let source = sources.popLast() else {
      set.add(files, former: former, keeping: old)
      files = []
      return false
    }
    begin(source.path, source.content)
    return true
  }

  private mutating func begin(_ path: String, _ content: DefinitionSet.Source.Content) {
    switch content {
    case .unread: begin(path, DefinitionSet.content(of: path))
    case .unreadable(let reason): set.add(unreadable: path, reason, keeping: old)
    case .bytes(let bytes): file = DefinitionFile(path, bytes, initProgram: initProgram)
    }
  }

  private mutating func end() {
    guard let file = file.take() else { return }
    if file.errors.isEmpty {
      files.append(file)
    } else {
      set.add(wrong: file, keeping: former[file.path] ?? [])
    }
  }
}
