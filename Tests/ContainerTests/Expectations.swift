import Linux
import OCI
import Testing

@testable import Container

/// The default configuration, changed.
func config(_ change: (inout RuntimeConfig) -> Void = { _ in }) -> RuntimeConfig {
  var config = RuntimeConfig.default
  change(&config)
  return config
}

/// Expects that a configuration is refused with one line that starts with the field's path.
func expectRefusal<Result: ~Copyable>(
  of path: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Result
) {
  do {
    _ = try body()
    Issue.record("\(path) is not refused", sourceLocation: sourceLocation)
  } catch let error as ContainerError {
    #expect(error.kind == .invalidConfig, sourceLocation: sourceLocation)
    #expect(error.description.hasPrefix("\(path): "), "\(error)", sourceLocation: sourceLocation)
    #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
  } catch {
    Issue.record(error, sourceLocation: sourceLocation)
  }
}

/// A directory under `/tmp` that goes with this value.
final class Scratch {
  let path: String

  init() throws {
    path = "/tmp/swiftjail-unit-\(Clock.now())-\(UInt64.random(in: 0...(.max)))"
    try Directory.make(path)
  }

  deinit { try? Directory.removeTree(path) }

  func write(_ text: String, to name: String) throws {
    try File.replace("\(path)/\(name)", with: Array(text.utf8))
  }
}
