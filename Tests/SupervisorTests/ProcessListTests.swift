import Glibc
import Testing

@testable import Supervisor

@Suite("The list of processes")
struct ProcessListTests {
  @Test("This process is in it, by itself and as ps tells")
  func own() throws {
    let own = ProcessList.document(of: [getpid(), -1])
    guard case .array(let rows)? = own["Processes"], rows.count == 1, case .array(let row) = rows[0] else {
      return #expect(Bool(false), "\(own)")
    }
    #expect(row[1] == .string(String(getpid())))
  }
}
