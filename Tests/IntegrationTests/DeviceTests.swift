import Foundation
import Testing

@Suite("Devices")
struct DeviceTests {
  @Test(
    "The default devices are there and open to everyone",
    arguments: [
      "null": "1:3", "zero": "1:5", "full": "1:7", "random": "1:8", "urandom": "1:9", "tty": "5:0",
    ])
  func defaults(name: String, number: String) throws {
    try withSandbox { box in
      try #expect(box.sh("stat -c '%F %t:%T %a' /dev/\(name)") == "character special file \(number) 666")
    }
  }

  @Test("The default devices work")
  func work() throws {
    try withSandbox { box in
      let script = """
        echo x > /dev/null && head -c 3 /dev/zero | od -An -tx1 && head -c 4 /dev/urandom | wc -c
        (echo x > /dev/full) 2>&1; cat /dev/null; echo end
        """
      let output = try box.sh(script).lines.map(\.trimmed)
      try #require(output.count == 4)
      #expect(
        output[0] == "00 00 00" && output[1] == "4" && output[2].contains("No space") && output[3] == "end")
    }
  }

  @Test(
    "The default links are there",
    arguments: [
      "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
      "stderr": "/proc/self/fd/2",
      "ptmx": "pts/ptmx",
    ])
  func links(name: String, target: String) throws {
    try withSandbox { box in
      try #expect(box.sh("readlink /dev/\(name)") == target)
    }
  }

  @Test("linux.devices are made with type, number, mode and owner")
  func own() throws {
    try withSandbox { box in
      box.config["linux.devices"] = [
        [
          "type": "c", "path": "/dev/sub/mine", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 5, "gid": 6,
        ],
        ["type": "b", "path": "/dev/loopy", "major": 7, "minor": 11, "fileMode": 0o600],
        ["type": "p", "path": "/dev/pipe", "fileMode": 0o622],
        ["type": "u", "path": "/dev/outside", "major": 10, "minor": 200],
      ]
      let output = try box.sh(
        "for i in sub/mine loopy pipe outside; do stat -c '%F %t:%T %a %u:%g' /dev/$i; done"
      ).lines
      try #require(output.count == 4)
      #expect(output[0] == "character special file 1:3 640 5:6")
      #expect(output[1] == "block special file 7:b 600 0:0")
      #expect(output[2] == "fifo 0:0 622 0:0")
      #expect(output[3].hasPrefix("character special file a:c8 "))
    }
  }

  @Test("Devices are there in a user namespace, which may not make any")
  func userNamespace() throws {
    try withSandbox { box in
      box.config.mapUsers()
      try #expect(box.sh("echo x > /dev/null; stat -c '%F %t:%T' /dev/zero") == "character special file 1:5")
    }
  }

  @Test(
    "A device can be anywhere, and its path may end with a slash",
    arguments: ["/dev/foo/": "/dev/foo", "/foo": "/foo", "/foo/": "/foo", "/sub//foo/": "/sub/foo"],
    [true, false])
  func place(path: (key: String, value: String), hasUsers: Bool) throws {
    try withSandbox { box in
      if hasUsers {
        box.config.mapUsers()
        chmod(box.rootfs, 0o777)
      }
      // The one device that a user namespace may make: it is none.
      box.config["linux.devices"] = [["type": "c", "path": path.key, "major": 0, "minor": 0]]
      try #expect(box.sh("stat -c '%F %t:%T' \(path.value)") == "character special file 0:0")
    }
  }

  @Test("A device that the host does not have cannot be made in a user namespace, which is said")
  func missingOnHost() throws {
    try withSandbox { box in
      box.config.mapUsers()
      box.config["linux.devices"] = [["type": "c", "path": "/dev/swiftjail-none", "major": 1, "minor": 3]]
      expectRefusal(try box.run(), saying: "/dev/swiftjail-none", "user namespace")
    }
  }

  @Test("A device of no known type is refused by its path")
  func unknownType() throws {
    try withSandbox { box in
      box.config["linux.devices"] = [["type": "x", "path": "/dev/mine", "major": 1, "minor": 3]]
      expectRefusal(try box.run(), saying: "linux.devices[0]")
    }
  }
}
