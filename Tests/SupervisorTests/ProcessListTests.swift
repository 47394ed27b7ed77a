import Glibc
import Testing

@testable import Supervisor

@Suite("The list of processes")
struct ProcessListTests {
  @Test("What a process is called does nothing to a terminal, nor to the order of what is on it")
  func printable() {
    #expect(ProcessList.printable("sleep 5") == "sleep 5")
    #expect(ProcessList.printable("x\n0 1 fake\u{1b}[2J\u{7f}") == "x?0 1 fake?[2J?")
    #expect(ProcessList.printable("\u{9b}2J\u{202e}b\u{2066}c\u{2028}d") == "?2J?b?c?d")
    #expect(ProcessList.printable("grün 木 👩‍💻") == "grün 木 👩‍💻")
  }

  @Test("This process is in it, by itself and as ps tells")
  func own() throws {
    let own = ProcessList.document(of: [getpid(), -1])
    guard case .array(let rows)? = own["Processes"], rows.count == 1, case .array(let row) = rows[0] else {
      return #expect(Bool(false), "\(own)")
    }
    #expect(row[1] == .string(String(getpid())))
  }
}
