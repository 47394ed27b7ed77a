/// The variables of a partition's program, each with one value.
public struct Environment: Equatable, Sendable {
  /// `NAME=VALUE` each, in the order in which the names came.
  public private(set) var variables: [String] = []
  /// Where in that each name is: there may be thousands.
  private var places: [String: Int] = [:]

  /// No variables.
  public init() {}

  /// Sets a variable; one of that name keeps its place.
  public mutating func set(_ name: String, _ value: String) {
    let variable = "\(name)=\(value)"
    if let place = places[name] {
      variables[place] = variable
    } else {
      places[name] = variables.count
      variables.append(variable)
    }
  }

  /// Sets what `text` says: `NAME=VALUE`, or `NAME` for the value that `caller` has, if it has one.
  ///
  /// - Throws: `LayerError` of the kind `.invalid`.
  public mutating func add(_ text: String, caller: (String) -> String?) throws(LayerError) {
    let equals = text.firstIndex(of: "=") ?? text.endIndex
    let name = String(text[..<equals])
    guard !name.isEmpty, !text.utf8.contains(0) else {
      throw LayerError(.invalid, "--env \(text): must be NAME=VALUE, or NAME for the caller's own value")
    }
    if equals == text.endIndex {
      if let value = caller(name) { set(name, value) }
    } else {
      set(name, String(text[text.index(after: equals)...]))
    }
  }

  /// Sets what the lines of a file say; empty lines and those that start with `#` say nothing.
  ///
  /// - Throws: `LayerError` of the kind `.invalid`, with the number of the line.
  public mutating func add(
    fileNamed file: String, _ content: [UInt8], caller: (String) -> String?
  ) throws(LayerError) {
    let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      guard let line = String(validating: bytes, as: UTF8.self) else {
        throw LayerError(.invalid, "--env-file \(file): line \(index + 1) is not UTF-8")
      }
      let text = line.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let first = text.first, first != "#" else { continue }
      let name = text.prefix { $0 != "=" }
      guard !name.isEmpty, !name.contains(where: { $0 == " " || $0 == "\t" }), !text.utf8.contains(0) else {
        throw LayerError(.invalid, "--env-file \(file): line \(index + 1) is not NAME=VALUE or NAME")
      }
      try add(String(text), caller: caller)
    }
  }
}
