import Linux
import OCI
import Testing

@testable import Container

@Suite("Accounts")
struct AccountsTests {
  func home(_ uid: UInt32, _ passwd: String) throws -> String {
    let scratch = try Scratch()
    try scratch.write(passwd, to: "passwd")
    return Accounts.homeDirectory(of: uid, by: "\(scratch.path)/passwd")
  }

  @Test("A user's home is that of the first line with the number")
  func home() throws {
    let passwd = """
      # a comment: with: colons: 1: : /wrong:
      root:x:0:0:root:/root:/bin/sh
      broken:x:5
      alice:x:1000:1000:A,B,C:/home/alice:/bin/sh
      other:x:1000:1000::/home/other:/bin/sh
      none:x:7:7:::/bin/sh
      short:x:8:8::/short
      last:x:4294967294:1::/last:
      """
    #expect(try home(0, passwd) == "/root")
    #expect(try home(1000, passwd) == "/home/alice")
    #expect(try home(5, passwd) == "/")
    #expect(try home(7, passwd) == "/")
    #expect(try home(8, passwd) == "/short")
    #expect(try home(4_294_967_294, passwd) == "/last")
    #expect(try home(1, passwd) == "/")
    #expect(try home(0, "") == "/")
    #expect(try home(0, "\0\u{ff}:::\n\nroot:x:0:0::/root") == "/root")
  }

  @Test("What is no plain file, or too long, names no home and holds nobody up")
  func hostile() throws {
    let scratch = try Scratch()
    try File.makeFifo("\(scratch.path)/fifo", mode: 0o600)
    try scratch.write("root:x:0:0::/root\n" + String(repeating: "#\n", count: 1 << 20), to: "long")
    for path in [
      "\(scratch.path)/fifo", "\(scratch.path)/none", "\(scratch.path)/long", scratch.path, "/dev/zero",
    ] {
      #expect(Accounts.homeDirectory(of: 0, by: path) == "/", "\(path)")
    }
  }

  @Test("Maps of ids are lines for the kernel")
  func maps() {
    let mappings: [RuntimeConfig.IDMapping] = [
      .init(containerID: 0, hostID: 1000, size: 1), .init(containerID: 1, hostID: 100_000, size: 65535),
    ]
    #expect(UserNamespace.lines(mappings) == "0 1000 1\n1 100000 65535\n")
    #expect(UserNamespace.lines([]) == "")
  }
}
