import Glibc
import Testing

@testable import Linux

@Suite("Signals")
struct SignalTests {
  @Test("Every signal's name is one by which it is known")
  func ownNames() {
    for number in Int32(1)...64 where number != 32 && number != 33 {
      #expect(Signal(Signal(rawValue: number).name)?.rawValue == number)
    }
    #expect(Signal.terminate.name == "SIGTERM" && Signal.child.name == "SIGCHLD")
    #expect(Signal(rawValue: 34).name == "SIGRTMIN" && Signal(rawValue: 63).name == "SIGRTMAX-1")
  }

  @Test(
    "A signal is found by number, and by name in either case with or without SIG",
    arguments: [
      ("1", 1), ("64", 64), ("HUP", 1), ("SIGKILL", 9), ("kill", 9), ("sigTerm", 15), ("STKFLT", 16),
      ("CHLD", 17), ("CLD", 17), ("IOT", 6), ("ABRT", 6), ("POLL", 29), ("IO", 29), ("SYS", 31),
      ("WINCH", 28), ("SIGPWR", 30), ("RTMIN", 34), ("SIGRTMIN", 34), ("RTMIN+0", 34), ("sigrtmin+3", 37),
      ("RTMIN+30", 64), ("RTMAX", 64), ("RTMAX-1", 63), ("SIGRTMAX-30", 34),
    ] as [(String, Int32)])
  func known(text: String, number: Int32) {
    #expect(Signal(text)?.rawValue == number)
  }

  @Test(
    "What names no signal is none",
    arguments: [
      "", "0", "-1", "65", "99999999999999999999", "9 ", " 9", "0x9", "9.0", "SIG", "SIGSIGKILL", "KILLS",
      "SIG9", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMIN3", "RTMIN+2147483647",
      "RTMIN--1", "🦊", "TERM\0",
    ])
  func unknown(text: String) {
    #expect(Signal(text) == nil)
  }

  @Test("Every name is the kernel's number")
  func names() {
    let inOrder = [
      "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
      "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
      "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]
    #expect(inOrder.map { Signal($0)?.rawValue } == (1...31).map { Int32($0) })
  }

  @Test("Blocked signals wait in the queue, and the former mask comes back")
  func mask() throws {
    func isBlocked(_ signal: Int32) -> Bool {
      var set = sigset_t()
      sigprocmask(SIG_BLOCK, nil, &set)
      return sigismember(&set, signal) == 1
    }
    // The threads that run tests may block signals.
    let original = try SignalMask.blockAll()
    defer { try? original.restore() }
    try SignalMask.none.restore()
    let former = try SignalMask.blockAll()
    #expect(isBlocked(SIGUSR1) && isBlocked(SIGTERM))
    let queue = try SignalQueue()
    #expect(try queue.next() == nil)
    raise(SIGUSR1)
    raise(SIGWINCH)
    // The kernel gives the lowest number first.
    #expect(try queue.next()?.rawValue == SIGUSR1)
    #expect(try queue.next() == .windowChange)
    #expect(try queue.next() == nil)
    try former.restore()
    #expect(!isBlocked(SIGUSR1))
    _ = try SignalMask.blockAll()
    try SignalMask.none.restore()
    #expect(!isBlocked(SIGTERM))
  }
}
