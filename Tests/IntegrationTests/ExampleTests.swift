import Foundation
import Testing

/// The package's directory.
let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path

/// Everything in Examples, run as it stands.
@Suite("Examples", .enabled(if: Kernel.hasPartitions))
struct ExampleTests {
  static let scripts: [String] = {
    let found = FileManager.default.enumerator(atPath: package + "/Examples")?.compactMap { $0 as? String }
    return (found ?? []).filter { $0.hasSuffix(".sh") }.sorted()
  }()

  @Test("There are examples, and each can be executed")
  func executable() {
    #expect(Self.scripts.count >= 5)
    for script in Self.scripts + ["demo", "ci/docker-run", "ci/job"] {
      #expect(access("\(package)/Examples/\(script)", X_OK) == 0, "\(script)")
    }
  }

  @Test("An example ends with 0, without complaints, and leaves nothing", arguments: scripts)
  func example(_ script: String) throws {
    try withSandbox { box in
      // Examples call a program by name: here one that keeps the sandbox's containers.
      let wrapper = box.scratch.path + "/swiftjail"
      try write(
        "#!/bin/sh\nexec '\(Swiftjail.program)' --root '\(box.root)' \"$@\"\n", to: wrapper, mode: 0o755)
      var program = Program("\(package)/Examples/\(script)", [])
      program.environment["SWIFTJAIL"] = wrapper
      program.environment["TMPDIR"] = box.scratch.path
      let outcome = try program.call()
      #expect(outcome.status == 0, "\(outcome)")
      #expect(!outcome.text.isEmpty, "\(outcome)")
      let complaints = outcome.complaints.filter { !$0.contains("was killed: out of memory") }
      #expect(complaints.isEmpty, "\(outcome)")
      try #expect(box.succeed("list", "--quiet").text == "")
      let left = try FileManager.default.contentsOfDirectory(atPath: box.scratch.path)
      #expect(Set(left) == ["bundle", "state", "swiftjail"], "\(left)")
    }
  }
}
