import Foundation
import Testing

/// The short form of Tests/faults/run.
@Suite("Many faults at once", .enabled(if: Kernel.hasPartitions && !Kernel.isEmulated))
struct FaultTests {
  @Test("Nothing is lost, doubled or left behind, and every policy is followed")
  func short() throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
    let arguments = ["\(tests)/faults/run", "--minutes", "0.3", "--partitions", "48", "--longest", "4"]
    var program = Program("/usr/bin/python3", arguments)
    program.environment["SWIFTJAIL"] = Swiftjail.program
    let outcome = try program.call(within: 3 * patience)
    #expect(outcome.status == 0, "\(outcome)")
  }
}
