import Foundation
import Testing

@testable import OCI

/// The example documents of the specification, which may be beside the package.
private let examples = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/oci-schema/examples")

private func names(_ prefix: String) -> [String] {
  let all = (try? FileManager.default.contentsOfDirectory(atPath: examples.path())) ?? []
  return all.filter { $0.hasPrefix(prefix) }.sorted()
}

@Suite("The specification's examples", .enabled(if: !names("config-").isEmpty))
struct SchemaExampleTests {
  @Test("A good config is accepted and written as an equal one", arguments: names("config-good"))
  func good(name: String) throws {
    var config = try RuntimeConfig(parsing: [UInt8](Data(contentsOf: examples.appending(path: name))))
    #expect(try RuntimeConfig(json: config.json) == config)
    // The schema knows neither that one example is older than version 1 nor that another one moves
    // interfaces into a network namespace that it does not ask for.
    if config.ociVersion.hasPrefix("0.") { config.ociVersion = "1.0.0" }
    if !config.linux.netDevices.isEmpty { config.linux.namespaces = [.init(type: .network)] }
    try config.validate()
  }

  @Test("A bad config is refused", arguments: names("config-bad"))
  func bad(name: String) throws {
    let bytes = try [UInt8](Data(contentsOf: examples.appending(path: name)))
    #expect(throws: ConfigError.self) { try RuntimeConfig(parsing: bytes).validate() }
  }
}
