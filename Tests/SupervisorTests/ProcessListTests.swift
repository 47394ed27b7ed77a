import Glibc
import Linux
import OCI
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
    #expect(own["Titles"] == .texts(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]))
    #expect(row.count == 8)
  }

  @Test("Users have the names that the host gives them, the first of several")
  func users() {
    let users = ProcessList.users("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\n\nbroken\nweb:x:33:33::/:\n")
    #expect(users == [0: "root", 33: "web"])
  }

  @Test("A start is told as far as it differs from now")
  func start() {
    // The middle of a year, and of a day nearly everywhere.
    let now: Int64 = 1_750_000_000
    let time = LocalTime(seconds: now)
    func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
    #expect(ProcessList.startText(now, now: now) == "\(padded(time.hour)):\(padded(time.minute))")
    #expect(
      ProcessList.startText(now - 10 * 86_400, now: now)
        == "Jun\(padded(LocalTime(seconds: now - 864_000).day))")
    #expect(ProcessList.startText(now - 400 * 86_400, now: now) == "2024")
  }

  @Test(
    "A terminal is told by its name, and one that is not known is none",
    arguments: [
      ("34816", "pts/0"), ("34821", "pts/5"), ("35072", "pts/256"), ("1025", "tty1"), ("1088", "ttyS0"),
      ("0", "?"), ("-1", "?"),
    ])
  func terminal(number: String, name: String) {
    #expect(ProcessList.terminal("7 (a ) b) S 1 7 7 \(number) 7 0") == name)
  }
}
