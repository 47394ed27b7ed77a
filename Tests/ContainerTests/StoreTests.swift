import Linux
import OCI
import Testing

@testable import Container

@Suite("What is kept of containers")
struct StoreTests {
  func record(_ name: String, pid: Int32? = nil) throws -> Record {
    var record = Record(
      id: try ContainerID(name), ociVersion: "1.0.2", bundle: "/b", root: "/b/rootfs", created: 1_700_000_000,
      cgroup: nil, namespaces: [.mount, .pid], annotations: [:], ownedDirectory: nil)
    record.process = pid.map { Record.Process(pid: $0, startTime: 77) }
    return record
  }

  @Test(
    "A name is made of letters, digits and _ + - .",
    arguments: ["a", "0", "_", "-", "+", "a.b", "A_b-C+9.", "-rf", String(repeating: "x", count: 255)])
  func name(text: String) throws {
    #expect(try ContainerID(text).description == text)
  }

  @Test(
    "A name that could be another place or confuse a reader is refused",
    arguments: [
      "", ".", "..", ".hidden", "a/b", "/", "../a", "a b", "a\n", "ä", "a\0", "a:b", "🦊", "e\u{301}",
      String(repeating: "x", count: 256),
    ])
  func badName(text: String) {
    let error = #expect(throws: ContainerError.self) { try ContainerID(text) }
    #expect(error?.kind == .invalidConfig)
  }

  @Test("A record is read as it was written")
  func roundTrip() throws {
    var full = try record("a", pid: 4_000_000)
    full.process?.startTime = .max
    full.cgroup = "/x/y"
    full.unit = "swiftjail-a.scope"
    full.wasOutOfMemory = true
    full.hasKeyrings = false
    full.annotations = ["k": "ü\n\"", "": "v"]
    full.ownedDirectory = "/var/lib/x"
    full.created = .max
    full.namespaces = [.time, .user, .network]
    for record in [full, try record("b"), try record("c", pid: 1)] {
      #expect(try Record(parsing: record.json.bytes()) == record)
    }
  }

  static let malformed = [
    "", "{", "[]", "null", "{}", "\u{0}", #"{"id": 5}"#,
    #"{"id":"../a","ociVersion":"1.0.2","bundle":"/","root":"/","created":0,"namespaces":0,"pid":0}"#,
    #"{"id":"a","ociVersion":"1.0.2","bundle":"/","root":"/","created":0,"namespaces":0}"#,
    #"{"id":"a","ociVersion":"1.0.2","bundle":"/","root":"/","created":0,"namespaces":0,"pid":7}"#,
    #"{"id":"a","ociVersion":"1.0.2","bundle":"/","root":"/","created":0,"namespaces":-1,"pid":0}"#,
    #"{"id":"a","ociVersion":"1.0.2","bundle":"/","root":"/","created":1e99,"namespaces":0,"pid":0}"#,
    #"{"id":"a","ociVersion":"1.0.2","bundle":"/","root":"/","created":0,"namespaces":0,"pid":4294967296}"#,
    // Written in part.
    #"{"id":"a","ociVersion":"1.0.2","bundle":"/","root":"/","created":0,"names"#,
  ]

  @Test("A state file that is broken is an error that names it, never a crash", arguments: malformed)
  func malformedRecord(text: String) throws {
    let scratch = try Scratch()
    try Directory.make("\(scratch.path)/a")
    try scratch.write(text, to: "a/state.json")
    let store = ContainerStore(path: scratch.path)
    let error = #expect(throws: ContainerError.self) { try store.container(try ContainerID("a")) }
    #expect(error?.kind == .damaged)
    #expect(error?.description.contains("\(scratch.path)/a/state.json") == true)
  }

  @Test("The list holds what is a container, by name, and nothing else")
  func list() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: scratch.path)
    for name in ["b", "a", "c.d"] {
      try Directory.make("\(scratch.path)/\(name)")
      try Container(try record(name), in: store).save()
    }
    try Directory.make("\(scratch.path)/half-made")
    try Directory.make("\(scratch.path)/garbage")
    try scratch.write("not JSON", to: "garbage/state.json")
    try Directory.make("\(scratch.path)/no-file")
    try Directory.make("\(scratch.path)/no-file/state.json")
    try Directory.make("\(scratch.path)/.hidden")
    try Directory.make("\(scratch.path)/has space")
    try scratch.write("x", to: "file")
    try File.makeSymbolicLink("\(scratch.path)/link", to: "a")
    // A copy of another container's directory is not that container once more.
    try Directory.make("\(scratch.path)/copy")
    try scratch.write(record("a").json.text(), to: "copy/state.json")
    #expect(try store.list().map(\.id.description) == ["a", "b", "c.d"])
    #expect(
      try store.all(named: store.names().sorted()).damaged.map(\.id.description) == [
        "copy", "garbage", "no-file",
      ])
    #expect(try store.container(try ContainerID("a")).record == record("a"))
  }

  @Test("Where nothing was ever kept, there is no container, and looking makes nothing")
  func empty() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: "\(scratch.path)/none")
    #expect(try store.list().isEmpty)
    let id = try ContainerID("a")
    for look in [
      { _ = try store.container(id) }, { try store.delete(id) }, { try store.delete(id, force: true) },
    ] {
      let error = #expect(throws: ContainerError.self) { try look() }
      #expect(error?.kind == .noSuchContainer)
      #expect(error?.description.contains("does not exist") == true)
    }
    #expect(throws: Errno.noSuchFileOrDirectory) { _ = try FileStatus.of("\(scratch.path)/none") }
  }

  @Test("A name is reserved once, with the directories above it")
  func reserve() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: "\(scratch.path)/x/y")
    let id = try ContainerID("a")
    let lock = try store.reserve(id)
    // Nobody else gets it, whether or not the first has come to write its record.
    let error = #expect(throws: ContainerError.self) { try store.reserve(id).release() }
    #expect(error?.kind == .alreadyExists)
    lock.release()
    #expect(try store.list().isEmpty)
    #expect(throws: ContainerError.self) { try store.delete(id) }
    try store.delete(id, force: true)
    try store.reserve(id).release()
  }

  @Test("What was left of one that was cut short is not in the way, and what is not known is")
  func remains() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: scratch.path)
    let id = try ContainerID("a")
    try store.reserve(id).release()
    try File.replace("\(scratch.path)/a/state.json.1", with: [])
    try File.replace("\(scratch.path)/a/start", with: [])
    try store.reserve(id).release()
    try #expect(Directory.entries(of: "\(scratch.path)/a").isEmpty)
    for name in ["state.json", "config.json", "else"] {
      try File.replace("\(scratch.path)/a/\(name)", with: [])
      #expect(throws: ContainerError.self) { try store.reserve(id).release() }
      try File.remove("\(scratch.path)/a/\(name)")
    }
  }

  @Test("A container whose process is gone, or is another by now, has stopped")
  func stopped() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: scratch.path)
    // Pid 1 is there, and did not start at tick 77.
    for pid in [Int32.max, 1] {
      let container = Container(try record("a", pid: pid), in: store)
      #expect(container.status() == .stopped)
      #expect(container.state().pid == 0)
      let error = #expect(throws: ContainerError.self) { _ = try container.initProcess() }
      #expect(error?.kind == .wrongStatus)
    }
  }

  @Test("A container without a process is being made while its directory is locked")
  func creating() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: scratch.path)
    let lock = try store.reserve(try ContainerID("a"))
    let container = Container(try record("a"), in: store)
    try container.save()
    #expect(container.status() == .creating)
    lock.release()
    #expect(container.status() == .stopped)
    try store.delete(container.id)
    #expect(try store.list().isEmpty)
  }

  @Test("A deleted container takes its own directory with it")
  func owned() throws {
    let scratch = try Scratch()
    let store = ContainerStore(path: "\(scratch.path)/state")
    try store.reserve(try ContainerID("a")).release()
    var record = try record("a")
    record.ownedDirectory = "\(scratch.path)/owned"
    try Container(record, in: store).save()
    try Directory.makeAll("\(scratch.path)/owned/upper")
    try store.delete(record.id)
    #expect(try Directory.entries(of: scratch.path).map(\.name) == ["state"])
    #expect(try store.list().isEmpty)
  }

  @Test("The directory of a container's cgroup is told while that cgroup is there and the container's own")
  func cgroupDirectory() throws {
    let hierarchy = try CgroupHierarchy.find()
    let store = ContainerStore(path: "/nowhere")
    var record = try record("a")
    #expect(Container(record, in: store).cgroupDirectory() == nil)
    record.cgroup = "/"
    #expect(Container(record, in: store).cgroupDirectory() == nil)
    record.cgroupNumber = try FileStatus.of(hierarchy.root).inode
    #expect(Container(record, in: store).cgroupDirectory() == "\(hierarchy.root)/")
    record.cgroupNumber = try FileStatus.of(hierarchy.root).inode + 1
    #expect(Container(record, in: store).cgroupDirectory() == nil)
    record.cgroup = "/swiftjail-unit/none"
    #expect(Container(record, in: store).cgroupDirectory() == nil)
  }
}
