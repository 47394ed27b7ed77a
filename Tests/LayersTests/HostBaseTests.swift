import Foundation
import Linux
import Testing

@testable import Layers

@Suite("The base host")
struct HostBaseTests {
  @Test("Nothing that is known to hold secrets is on the list")
  func secrets() {
    let secrets = [
      "shadow", "gshadow", "shadow-", "passwd", "group", "ssh", "ssl/private", "sudoers",
      "machine-id", "pam.d", "krb5.keytab", "environment", "profile.d", "hosts", "resolv.conf", "fstab",
      "crypttab", "wireguard",
    ]
    for path in HostContents.copied {
      for secret in secrets {
        #expect(path != secret && !path.hasPrefix("\(secret)/") && !secret.hasPrefix("\(path)/"))
      }
    }
  }

  @Test("Directories come after those they are in, and files have one")
  func order() {
    var made: Set<String> = []
    func above(_ path: String) -> String? {
      path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
    for directory in HostContents.directories {
      if let above = above(directory.path) { #expect(made.contains(above), "\(directory.path)") }
      made.insert(directory.path)
    }
    for path in Array(HostContents.files.keys) + HostContents.links.keys {
      #expect(above(path).map { made.contains($0) } == true, "\(path)")
    }
  }

  @Test("A stamp holds until something that it names changes, comes or goes")
  func stamp() throws {
    let directory = FileManager.default.temporaryDirectory.path + "/swiftjail-\(UUID().uuidString)"
    try Directory.make(directory)
    defer { try? Directory.removeTree(directory) }
    let file = directory + "/file"
    try File.replace(file, with: [1])
    var stamp = HostStamp()
    #expect(stamp.note(file)?.kind == .regular)
    #expect(stamp.note(directory + "/missing") == nil)
    #expect(HostStamp.isUpToDate(stamp.bytes))
    try File.replace(directory + "/missing", with: [1])
    #expect(!HostStamp.isUpToDate(stamp.bytes))
    try File.remove(directory + "/missing")
    #expect(HostStamp.isUpToDate(stamp.bytes))
    try File.replace(file, with: [1])
    #expect(!HostStamp.isUpToDate(stamp.bytes))
    #expect(!HostStamp.isUpToDate([]))
    #expect(!HostStamp.isUpToDate(Array("another program's\n".utf8)))
  }

  @Test("Mounts below a directory are found, those below another left to it, names read as they are")
  func mounts() {
    let table = MountTable(
      Array(
        #"""
        21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        22 21 8:2 / /usr rw - ext4 /dev/sda2 rw
        23 22 8:3 / /usr/local rw - ext4 /dev/sda3 rw
        24 23 8:4 / /usr/local/share rw - ext4 /dev/sda4 rw
        25 22 8:5 / /usr/a\040b\134c rw - ext4 /dev/sda5 rw
        26 21 8:6 / /usrlocal rw - overlay overlay rw,lowerdir=/var/lib/swiftjail/host/abc/root
        garbage
        """#.utf8))
    #expect(table.mountPoints(below: "/usr") == [#"/usr/a b\c"#, "/usr/local"])
    #expect(table.mentions("/abc/root"))
    #expect(!table.mentions("/abcd/root"))
    #expect(!MountTable([]).mentions("/abc/root"))
  }

  @Test(
    "An overlay is not made of paths that mount options cannot say",
    arguments: ["/a:b", "/a,b", "/a\\b", "/a\nb"])
  func overlay(path: String) throws {
    #expect(throws: LayerError.self) { try Overlay(lower: path, upper: "/u", work: "/w") }
    #expect(throws: LayerError.self) { try Overlay(lower: "/l", upper: path, work: "/w") }
    #expect(
      try Overlay(lower: "/l", upper: "/u u", work: "/w").mount(at: "/").options
        == ["lowerdir=/l", "upperdir=/u u", "workdir=/w"])
  }
}
