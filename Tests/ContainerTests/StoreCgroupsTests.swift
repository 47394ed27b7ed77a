import Linux
import Testing

@testable import Container

@Suite("The cgroups of a store's containers")
struct StoreCgroupsTests {
  @Test("Those of the default store are where they always were")
  func defaultStore() {
    #expect(ContainerStore().cgroups == "/swiftjail")
    #expect(!ContainerStore.isGroup("/swiftjail") && !ContainerStore.isGroup("/swiftjail/web"))
  }

  @Test(
    "Those of another store are in a group that is called after its path",
    arguments: [
      ("/run/x1-none", "/swiftjail/@run@x1-none"), ("/none/a@b", "/swiftjail/@none@a%40b"),
      ("/none/a b%", "/swiftjail/@none@a%20b%25"), ("/none//c/", "/swiftjail/@none@c"),
    ])
  func otherStore(path: String, group: String) {
    let store = ContainerStore(path: path)
    #expect(store.cgroups == group)
    #expect(ContainerStore.isGroup(store.cgroups) && !ContainerStore.isGroup("\(store.cgroups)/web"))
  }

  @Test("No container's name is a group's, and however long a path is, its group's name can be one")
  func names() throws {
    let long = String(repeating: "/abcdefgh", count: 100)
    let groups = ["/a", long, long + "x"].map(ContainerStore.group)
    #expect(Set(groups).count == 3)
    for group in groups {
      #expect(group.utf8.count <= 255)
      #expect(throws: ContainerError.self) { try ContainerID(group) }
    }
  }

  @Test("A store is the same one by whatever path it is reached")
  func links() throws {
    let scratch = "/tmp/swiftjail-unit-store-\(UInt64.random(in: 0...UInt64.max))"
    try Directory.makeAll("\(scratch)/one")
    defer { try? Directory.removeTree(scratch) }
    let store = ContainerStore(path: "\(scratch)/one")
    #expect(ContainerStore(path: "\(scratch)/../\(scratch.dropFirst(5))/one").cgroups == store.cgroups)
  }
}
