import Testing

@testable import Container

@Suite("Checkpoints")
struct CheckpointTests {
  @Test("Messages are encoded as protocol buffers have it, and read again")
  func messages() throws {
    var inner = CheckpointMessage()
    inner.add(1, "net")
    var message = CheckpointMessage()
    message.add(1, 300)
    message.add(38, true)
    message.add(39, inner)
    message.add(2, Int64(-1))
    #expect(message.bytes.prefix(12) == [8, 0xac, 2, 0xb0, 2, 1, 0xba, 2, 5, 10, 3, 110])
    let fields = try #require(CheckpointMessage.Fields(message.bytes))
    #expect(fields.number(1) == 300 && fields.flag(38) && fields.number(2) == -1)
    #expect(fields.message(39)?.text(1) == "net")
    #expect(fields.text(3) == nil && !fields.flag(3))
  }

  @Test("Fields of other kinds are passed over, and what is cut short is no message")
  func damagedMessages() throws {
    let others: [UInt8] = [9, 1, 2, 3, 4, 5, 6, 7, 8, 13, 1, 2, 3, 4, 16, 1]
    #expect(try #require(CheckpointMessage.Fields(others)).number(2) == 1)
    for count in [1, 8, 10, 13, 15] { #expect(CheckpointMessage.Fields(Array(others[..<count])) == nil) }
    for bytes: [UInt8] in [[8], [10, 5, 1], [11], [8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]] {
      #expect(CheckpointMessage.Fields(bytes) == nil)
    }
  }

  @Test("The service's answers are told apart")
  func answers() {
    #expect(CheckpointRequest.Answer([8, 1, 16, 1]) == .done(features: [], version: nil))
    #expect(CheckpointRequest.Answer([8, 1, 16, 0]) == .failed(nil))
    #expect(CheckpointRequest.Answer([8, 1, 16, 0, 74, 2, 110, 111]) == .failed("no"))
    #expect(
      CheckpointRequest.Answer([8, 9, 16, 1, 66, 4, 8, 1, 16, 0]) == .done(features: [1], version: nil))
    #expect(
      CheckpointRequest.Answer([8, 10, 16, 1, 82, 6, 8, 3, 16, 17, 32, 1])
        == .done(features: [], version: 31701))
    #expect(
      CheckpointRequest.Answer([8, 6, 16, 1, 42, 5, 10, 1, 120, 16, 7]) == .notification(script: "x", pid: 7))
    #expect(CheckpointRequest.Answer([8, 6, 16, 1]) == nil)
    #expect(CheckpointRequest.Answer([]) == nil)
  }

  @Test("The error of a log is the first, and the first of criu itself")
  func logs() {
    func error(_ log: String) -> String? { CheckpointLog.firstError(in: Array(log.utf8)) }
    #expect(
      error("(0.1) Warn (criu/a.c:1): hm\n(0.2) Error (criu/a.c:2): no\n(0.3) Error (criu/a.c:3): so")
        == "a.c:2: no")
    #expect(
      error("pie: 1: Error (criu/pie/x.c:1): E\n(0.2) Error (criu/a.c:2): no") == "pie/x.c:1: E; a.c:2: no")
    #expect(
      error("(0.1) Error (criu/util.c:642): exited, status=1\n(0.3) Error (criu/a.c:3): Dumping FAILED.")
        == nil)
    #expect(error("(0.1) Error (criu/tun.c:85): tun: none\n(0.2) Error (criu/a.c:2): no") == "a.c:2: no")
    #expect(error("(0.1) Error (criu/tun.c:85): tun: none") == "tun.c:85: tun: none")
    #expect(error("") == nil)
  }

  @Test("A page server's address has a port, and an IPv6 address brackets")
  func pageServers() {
    typealias Server = CheckpointOptions.PageServer
    #expect(Server("host:80").map { "\($0.address) \($0.port)" } == "host 80")
    #expect(Server("[::1]:80").map { "\($0.address) \($0.port)" } == "::1 80")
    for text in ["host", ":80", "host:", "host:0", "host:65536", "::1:80", "[]:80"] {
      #expect(Server(text) == nil, "\(text)")
    }
  }

  @Test("A line of mountinfo is a number and a path")
  func mounts() {
    let lines =
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n61 1 0:1 / /a\\040b\\134 rw - t s o\nx"
    #expect(
      CheckpointMounts.Entry.parse(lines).map { "\($0.number) \($0.point)" } == ["36 /mnt2", "61 /a b\\"])
  }
}
