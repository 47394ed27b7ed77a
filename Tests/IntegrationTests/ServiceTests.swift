import Foundation
import Testing

/// The unit in Examples.
@Suite("The service")
struct ServiceTests {
  static let verifier = "/usr/bin/systemd-analyze"

  @Test("systemd finds nothing wrong with the unit", .enabled(if: exists(verifier)))
  func unit() throws {
    let scratch = Scratch()
    defer { scratch.remove() }
    let path = scratch.path + "/swiftjaild.service"
    let unit = try #require(contents("\(package)/Examples/swiftjaild.service"))
    try write(
      unit.replacingOccurrences(of: "/usr/local/bin/swiftjaild", with: Swiftjail.supervisor), to: path)
    let outcome = try Program(Self.verifier, ["verify", "--man=no", path]).call()
    #expect(outcome.status == 0)
    let complaints = outcome.complaints.filter { $0.contains("swiftjaild.service") }
    #expect(complaints.isEmpty, "\(outcome)")
  }

  @Test("Only the program's path has the prefix that make install replaces")
  func prefix() throws {
    let lines = try #require(contents("\(package)/Examples/swiftjaild.service")).lines
    #expect(lines.filter { $0.contains("/usr/local") } == ["ExecStart=/usr/local/bin/swiftjaild"])
  }
}
