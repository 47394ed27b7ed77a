import Testing

@testable import Layers

@Suite("Options of a partition")
struct OptionTests {
  @Test(
    "An amount of memory has a unit of 1024, in either case",
    arguments: [
      ("0", 0), ("512", 512), ("512b", 512), ("4k", 4096), ("64m", 64 << 20), ("64M", 64 << 20),
      ("64MiB", 64 << 20), ("1g", 1 << 30), ("2T", 2 << 40), ("1.5k", 1536), ("0.5g", 512 << 20),
      ("9223372036854775807", Int64.max),
    ] as [(String, Int64)])
  func size(text: String, bytes: Int64) { #expect(ByteSize(text)?.bytes == bytes) }

  @Test(
    "What is no amount of memory is none",
    arguments: [
      "", "m", "-5", "+5", "1.5.2k", ".5m", "5.m", "64 m", "64x", "lots", "9223372036854775808", "9000000t",
      "1e3", "0x10", "99999999999999999999.5g", "٣m",
    ])
  func noSize(text: String) { #expect(ByteSize(text) == nil) }

  @Test("A volume is SOURCE:DESTINATION, and what is below a read-only one is read-only as well")
  func volume() throws {
    let plain = try Volume("/a:/b", relativeTo: "/here")
    #expect(plain.source == "/a" && plain.destination == "/b" && plain.options == ["rbind"])
    #expect(try Volume("/a:/b:ro", relativeTo: "/here").options == ["rbind", "rro"])
    #expect(try Volume("/a:/b:rw,nosuid", relativeTo: "/here").options == ["rbind", "rw", "nosuid"])
    #expect(try Volume("./a:/b", relativeTo: "/here").source == "/here/./a")
  }

  @Test("A volume is to be there, unless it is said that it may be made")
  func creation() throws {
    #expect(try !Volume("/a:/b:ro", relativeTo: "/").makesSource)
    let volume = try Volume("/a:/b:create,ro", relativeTo: "/")
    #expect(volume.makesSource && volume.options == ["rbind", "rro"] && volume.text == "/a:/b:ro,create")
    #expect(try Volume(volume.text, relativeTo: "/") == volume)
  }

  @Test(
    "A volume and a directory in memory are written as they are read",
    arguments: ["/a:/b", "/a:/b:ro", "/a:/b:rw,nosuid,rslave"])
  func texts(text: String) throws {
    #expect(try Volume(text, relativeTo: "/here").text == text)
    let directory = String(text.drop { $0 != ":" }.dropFirst())
    #expect(try TemporaryDirectory(directory).text == directory)
  }

  @Test("A path that starts with a dot is below a directory, a plain word is no path")
  func paths() {
    let paths = ["/a", "./a", "../a", ".", "..", "a", ".a", "...", ""].map {
      HostPath.absolute($0, relativeTo: "/here")
    }
    #expect(paths == ["/a", "/here/./a", "/here/../a", "/here/.", "/here/..", nil, nil, nil, nil])
    #expect(throws: LayerError.self) { try Volume("./a:/b", relativeTo: "/he:re") }
  }

  @Test("CPU time is a number from 0.01 to 8192")
  func cpuTime() {
    let texts = ["1", "1.5", "0.01", "8192", "1e1", "0", "0.009", "8193", "-1", "nan", "inf", "", "x", "1 "]
    let expected: [Int64?] = [1_000_000, 1_500_000, 10_000, 8_192_000_000, 10_000_000]
    let read = texts.map { CPUTime.microCPUs($0) }
    #expect(read == expected + Array(repeating: nil, count: 9))
  }

  @Test("A capability has the kernel's name, with or without CAP_, in either case")
  func capabilityNames() {
    for name in ["NET_ADMIN", "cap_net_admin", "Chown", "ALL", "all"] {
      #expect(CapabilityChoice.isName(name))
    }
    for name in ["", "CAP_", "FLY", "CAP_ALL", "NET-ADMIN"] { #expect(!CapabilityChoice.isName(name)) }
  }

  @Test(
    "A volume that is anything else is refused by what it is",
    arguments: ["/a", "a:/b", "/a:b", ":/b", "/a:", "/a:/", "/a:/b:c:d", "/a:/b:z", "/a:/b:size=5", ""])
  func noVolume(text: String) {
    let error = #expect(throws: LayerError.self) { try Volume(text, relativeTo: "/here") }
    #expect(error?.description.hasPrefix("\(text): ") == true)
  }

  @Test("A directory in memory is restricted unless its options say otherwise")
  func temporaryDirectory() throws {
    #expect(try TemporaryDirectory("/t").options == ["nosuid", "nodev", "noexec"])
    let large = try TemporaryDirectory("/t:size=1m,exec")
    #expect(large.destination == "/t")
    #expect(large.options == ["nosuid", "nodev", "noexec", "size=1m", "exec"])
    for text in ["", "t", "/", "//:size=1m", ":size=1m"] {
      #expect(throws: LayerError.self) { try TemporaryDirectory(text) }
    }
  }

  @Test("Of their parts, volumes and directories in memory are the same, and have no colons in their paths")
  func parts() throws {
    let volume = try Volume(source: "/a", destination: "/c", options: ["ro"])
    #expect(try volume == Volume("/a:/c:ro", relativeTo: "/"))
    #expect(throws: LayerError.self) { try Volume(source: "/a:b", destination: "/c", options: []) }
    #expect(throws: LayerError.self) { try Volume(source: "/a", destination: "/c:d", options: []) }
    #expect(try TemporaryDirectory(destination: "/t", options: ["exec"]) == TemporaryDirectory("/t:exec"))
    #expect(throws: LayerError.self) { try TemporaryDirectory(destination: "/t:u", options: []) }
    #expect(throws: LayerError.self) { try Volume(source: "a", destination: "/b", options: []) }
    let error = #expect(throws: LayerError.self) { try TemporaryDirectory(destination: "t", options: []) }
    #expect(error?.reason == "the destination must be an absolute path, and not the root")
  }

  @Test("A variable without a value is the caller's own, and is not set when the caller has none")
  func variables() throws {
    var environment = Environment()
    let caller = { (name: String) in name == "MINE" ? "1" : nil }
    for text in ["A=1", "MINE", "THEIRS", "B=x=y", "C="] { try environment.add(text, caller: caller) }
    try environment.add("A=2", caller: caller)
    #expect(environment.variables == ["A=2", "MINE=1", "B=x=y", "C="])
    for text in ["", "=x"] {
      #expect(throws: LayerError.self) { try environment.add(text, caller: caller) }
    }
  }

  @Test("Of thousands of variables each has its last value, in the place where its name came first")
  func manyVariables() throws {
    var environment = Environment()
    for value in 1...2 {
      for number in 1...5000 { environment.set("N\(number)", String(value)) }
    }
    #expect(environment.variables == (1...5000).map { "N\($0)=2" })
  }

  @Test("A file of variables has one a line, and its errors have the line's number")
  func variableFile() throws {
    var environment = Environment()
    let content = "# comment\n\nA=a b \n  B=1\n\t# c\nMINE\nTHEIRS\nE=#no comment"
    try environment.add(fileNamed: "f", Array(content.utf8)) { $0 == "MINE" ? "m" : nil }
    #expect(environment.variables == ["A=a b ", "B=1", "MINE=m", "E=#no comment"])
    for (content, line) in [("A=1\n=2", 2), ("A B=1", 1), ("A=1\n\nA\0=1", 3)] {
      let error = #expect(throws: LayerError.self) {
        try environment.add(fileNamed: "f", Array(content.utf8)) { _ in nil }
      }
      #expect(error?.description.contains("--env-file f: line \(line) ") == true)
    }
    #expect(throws: LayerError.self) {
      try environment.add(fileNamed: "f", [65, 61, 0xff]) { _ in nil }
    }
  }

  @Test("Capabilities are added and taken away with or without CAP_, in either case, and ALL is all")
  func capabilities() throws {
    let all = ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]
    func names(_ added: [String], _ dropped: [String]) throws -> [String] {
      try CapabilityChoice(added: added, dropped: dropped).names(of: all, known: all)
    }
    #expect(try names([], []) == ["CAP_CHOWN", "CAP_KILL"])
    #expect(try names(["sys_ptrace"], ["CAP_CHOWN"]) == ["CAP_KILL", "CAP_SYS_PTRACE"])
    #expect(try names(["KILL"], ["all"]) == ["CAP_KILL"])
    #expect(try names(["ALL"], ["SYS_ADMIN"]) == ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_PTRACE"])
    #expect(try names(["ALL"], []) == all)
    #expect(throws: LayerError.self) { try names(["NONSENSE"], []) }
    #expect(throws: LayerError.self) { try names([], ["CAP_"]) }
  }

  @Test("A capability that cannot be given is left out")
  func unavailableCapability() throws {
    let choice = CapabilityChoice(added: ["SYS_ADMIN"])
    #expect(try choice.names(of: ["CAP_KILL"], known: ["CAP_KILL", "CAP_SYS_ADMIN"]) == ["CAP_KILL"])
  }
}
