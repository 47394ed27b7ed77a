import OCI
import Testing

@testable import Layers

@Suite("Users of a file tree")
struct AccountTests {
  let accounts = Accounts(
    passwd: """
      root:x:0:0:root:/root:/bin/sh
      web:x:33:44:web:/srv:/bin/sh
      broken
      12:x:70:71::/:
      negative:x:-1:-1::/:

      """,
    group: """
      root:x:0:
      staff:x:50:web,root
      more:x:51:other,web
      own:x:44:web
      garbage:x:no:web

      """)

  @Test("A user named has the groups of the databases")
  func named() throws {
    #expect(try accounts.user("web") == RuntimeConfig.User(uid: 33, gid: 44, additionalGids: [50, 51]))
  }

  @Test("A number that the databases know is as good as the name")
  func known() throws {
    #expect(try accounts.user("33") == RuntimeConfig.User(uid: 33, gid: 44, additionalGids: [50, 51]))
  }

  @Test("A number that nobody knows is of group 0, and a name that looks like a number is a name")
  func unknown() throws {
    #expect(try accounts.user("1000") == RuntimeConfig.User(uid: 1000, gid: 0))
    #expect(try accounts.user("12") == RuntimeConfig.User(uid: 70, gid: 71))
  }

  @Test("A group that is given is the only one")
  func group() throws {
    #expect(try accounts.user("web:staff") == RuntimeConfig.User(uid: 33, gid: 50))
    #expect(try accounts.user("1000:1001") == RuntimeConfig.User(uid: 1000, gid: 1001))
  }

  @Test("Further groups are added once, by name or by number, and one that nobody knows is refused")
  func further() throws {
    let user = RuntimeConfig.User(uid: 33, gid: 44, additionalGids: [50])
    #expect(try accounts.user(user, in: []) == user)
    #expect(
      try accounts.user(user, in: ["more", "50", "staff", "99"])
        == RuntimeConfig.User(uid: 33, gid: 44, additionalGids: [50, 51, 99]))
    let error = #expect(throws: LayerError.self) { try accounts.user(user, in: ["none"]) }
    #expect(error?.description.contains("no group \"none\"") == true)
  }

  @Test(
    "What is neither a name of the databases nor a number is refused",
    arguments: [
      "", ":", "nobody", "negative", "-1", "web:", ":staff", "web:none", "4294967296", "web:staff:x",
    ])
  func refused(text: String) {
    let error = #expect(throws: LayerError.self) { try accounts.user(text) }
    #expect(error?.description.hasPrefix("user \(text): ") == true)
  }

  @Test("The accounts that the base host is given are whole")
  func host() throws {
    let host = Accounts(
      passwd: HostContents.files["etc/passwd"] ?? "", group: HostContents.files["etc/group"] ?? "")
    #expect(try host.user("root:tty") == RuntimeConfig.User(uid: 0, gid: 5))
    #expect(try host.user("nobody:nogroup") == RuntimeConfig.User(uid: 65534, gid: 65534))
  }
}
