import Glibc
import Linux
import Testing

@testable import Definitions
@testable import Supervisor

typealias Source = DefinitionSet.Source

/// The set of files with these names and contents.
func set(_ files: KeyValuePairs<String, String>, keeping old: DefinitionSet = DefinitionSet())
  -> DefinitionSet
{
  let sources = files.map { Source(path: $0, content: .bytes(Array($1.utf8))) }
  return DefinitionSet(sources, initProgram: "/swiftjail", keeping: old)
}

extension DefinitionSet {
  var names: [String] { definitions.map(\.name) }
  var complaints: [String] { errors.map(\.description) }
}

@Suite("Files of definitions")
struct DefinitionSetTests {
  let host = #""image": "host""#

  @Test(
    "One error in a file that thousands hang from, one after the other, takes no longer than thousands of errors"
  )
  func longChain() {
    let count = 3000
    var sources = [Source(path: "/d/p0.json", content: .bytes(Array(#"{\#(host), "after": ["none"]}"#.utf8)))]
    for number in 1..<count {
      let text = #"{\#(host), "after": ["p\#(number - 1)"]}"#
      sources.append(Source(path: "/d/p\(number).json", content: .bytes(Array(text.utf8))))
    }
    sources.append(Source(path: "/d/alone.json", content: .bytes(Array("{\(host)}".utf8))))
    let begun = Self.processorTime()
    let found = DefinitionSet(sources, initProgram: "/swiftjail")
    let time = Self.processorTime() - begun
    #expect(found.names == ["alone"] && found.errors.count == count)
    #expect(
      found.errors.last?.description.contains(#""p2998" is in /d/p2998.json, which has errors"#) == true)
    // Each of them alone would have taken some milliseconds.
    #expect(time < 10, "\(time) s")
  }

  /// What this thread has taken, in seconds.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  @Test("What stays of a file with errors keeps those that are after it")
  func keptInChain() {
    let old = set(["/d/a.json": "{\(host)}"])
    let found = set(
      [
        "/d/a.json": #"{\#(host), "after": ["none"]}"#, "/d/b.json": #"{\#(host), "after": ["a"]}"#,
        "/d/c.json":
          #"[{"name": "c", \#(host), "after": ["none"]}, {"name": "d", \#(host), "after": ["c"]}]"#,
        "/d/e.json": #"{\#(host), "after": ["d", "c", "b"]}"#,
      ], keeping: old)
    #expect(Set(found.names) == ["a", "b"])
    #expect(found.errors.map(\.file) == ["/d/a.json", "/d/c.json", "/d/e.json", "/d/e.json"])
  }

  @Test("A file holds one definition, called as the file, or a list of them")
  func files() {
    let found = set([
      "/d/web.json": "{\(host)}", "/d/two.json": #"[{"name": "a", \#(host)}, {"name": "b", \#(host)}]"#,
      "/d/none.json": "[]", "other.json": #"{"bundle": "./b"}"#,
    ])
    #expect(found.complaints == [])
    #expect(found.names == ["web", "a", "b", "other"])
    #expect(found.entries.map(\.file) == ["/d/web.json", "/d/two.json", "/d/two.json", "other.json"])
    #expect(found.definitions.last?.content == .bundle("././b"))
  }

  @Test("A definition that is too long to be started is refused")
  func length() {
    let text = { (count: Int) in
      #"{"image": "host", "labels": {"a": "\#(String(repeating: "x", count: count))"}}"#
    }
    #expect(set(["/d/web.json": text(PartitionDefinition.longest - 100)]).complaints == [])
    let found = set(["/d/web.json": text(PartitionDefinition.longest)])
    #expect(found.names == [] && found.complaints.count == 1)
    #expect(
      found.complaints.first?.hasPrefix("/d/web.json:1: is too long: 122") == true, "\(found.complaints)")
  }

  @Test(
    "An error names file, line and field, each definition its first, and the other files are as they were")
  func errors() {
    let found = set([
      "/d/a.json": "{\(host)}",
      "/d/web.json": """
      [
        {
          "name": "x", \(host),
          "labels": {"memory": "1"},
          "command": ["memory"],

          "memory": "lots", "cpus": -1
        },
        {"name": "y", \(host)},
        {"name": "z", \(host), "healthCheck": {
          "command": ["true"],
          "interval": 5}}
      ]
      """,
    ])
    #expect(found.names == ["a"])
    #expect(
      found.complaints == [
        "/d/web.json:7: partitions[0].memory: must be an amount such as 64m",
        "/d/web.json:12: partitions[2].healthCheck.interval: must be a length of time above 0 such as 10s",
      ])
  }

  @Test(
    "A file that is wrong as a whole says where",
    arguments: [
      ("", "/d/x.json:1: not valid JSON at column 1"),
      ("{\n  \"image\": \"host\",\n}", "/d/x.json:3: not valid JSON at column 1"),
      ("3", "/d/x.json:1: must be an object"), ("\n[1]", "/d/x.json:2: partitions[0]: must be an object"),
      ("{\n}", "/d/x.json:1: one of image"),
      ("[\n{\"image\": \"host\"}]", "/d/x.json:2: partitions[0].name: is required"),
      ("{\"image\": \"host\",\n\"b c\": 1}", #"/d/x.json:2: ["b c"]: there is no such field"#),
      ("{\"image\": \"host\",\n\"image\": \"host\"}", "/d/x.json:2: not valid JSON at column 1"),
      ("{\"image\": \"host\",\n\"name\": \"a\\nb\"}", "/d/x.json:2: name: "),
    ])
  func wrongFile(text: String, complaint: String) {
    let found = set(["/d/x.json": text])
    #expect(found.entries.isEmpty && found.complaints.count == 1)
    #expect(found.complaints.first?.hasPrefix(complaint) == true, "\(found.complaints)")
  }

  @Test("A definition with replicas stands for that many, with their numbers in every text")
  func replicas() {
    let found = set([
      "/d/w.json":
        #"{\#(host), "replicas": 3, "environment": {"N": "{index}/3"}, "volumes": ["/data/{index}:/d"]}"#,
      "/d/x.json": #"[{"name": "x{index}y{index}", \#(host), "replicas": 2, "after": ["w-{index}"]}]"#,
      "/d/none.json": #"{\#(host), "replicas": 0}"#,
      "/d/plain.json": #"{\#(host), "hostname": "{index}"}"#,
    ])
    #expect(found.complaints == [])
    #expect(found.names == ["w-1", "w-2", "w-3", "x1y1", "x2y2", "plain"])
    guard case .partition(let third) = found.definitions[2].content,
      case .partition(let plain) = found.definitions[5].content
    else {
      Issue.record("not partitions")
      return
    }
    #expect(third.environment.variables == ["N=3/3"] && third.volumes.first?.source == "/data/3")
    #expect(found.definitions[4].after == ["w-2"] && plain.hostname == "{index}")
  }

  @Test(
    "Replicas are a number, and have different names",
    arguments: [
      (#""replicas": -1"#, "replicas"), (#""replicas": "3""#, "replicas"),
      (#""replicas": 100001"#, "replicas"),
      (#""name": "same", "replicas": 2"#, "name"), (#""name": "{index", "replicas": 2"#, "name"),
      (#""replicas": 2, "memory": "{index}x""#, "memory"),
    ])
  func wrongReplicas(field: String, path: String) {
    let found = set(["/d/x.json": "{\(host),\n\(field)}"])
    #expect(found.errors.map(\.field) == [path] && found.errors.map(\.line) == [2])
  }

  @Test("A name is taken once; the later file is wrong, and defines nothing")
  func duplicates() {
    let found = set([
      "/d/a.json": #"{"name": "web", \#(host)}"#,
      "/d/b.json": #"[{"name": "other", \#(host)},\#n{"name": "web", \#(host)}]"#,
      "/d/c.json": #"[{"name": "c", \#(host)}, {"name": "c", \#(host)}]"#,
    ])
    #expect(found.names == ["web"])
    #expect(
      found.complaints == [
        #"/d/b.json:2: partitions[1].name: "web" is defined in /d/a.json already"#,
        #"/d/c.json:1: partitions[1].name: "c" is defined in /d/c.json already"#,
      ])
  }

  @Test("A partition is after one that there is; one that is not there for an error is told apart")
  func unknown() {
    let found = set([
      "/d/a.json": #"{\#(host), "after": ["b"]}"#,
      "/d/b.json": "{\(host),\n\"after\": [\"e\",\n\"nobody\"]}",
      "/d/e.json": "{\(host)}",
    ])
    #expect(found.names == ["e"])
    #expect(
      found.complaints == [
        #"/d/b.json:3: after[1]: there is no partition "nobody""#,
        #"/d/a.json:1: after[0]: "b" is in /d/b.json, which has errors"#,
      ])
  }

  @Test("A circle of partitions that are after each other is told once, with all of its files")
  func cycles() {
    let found = set([
      "/d/a.json": #"{\#(host), "after": ["d", "b"]}"#, "/d/b.json": #"{\#(host), "after": ["c"]}"#,
      "/d/c.json": #"{\#(host), "after": ["a"]}"#, "/d/d.json": "{\(host)}",
      "/d/self.json": #"{\#(host), "after": ["self"]}"#,
    ])
    #expect(found.names == ["d"])
    #expect(
      found.complaints == [
        "/d/a.json:1: after[1]: a would be after itself: after b (/d/b.json), which is after c (/d/c.json), "
          + "which is after a",
        "/d/self.json:1: after[0]: self would be after itself: after self",
      ])
  }

  @Test("A circle with a partition that is kept is the fault of the file that closes it")
  func keptCycle() {
    let old = set(["/d/a.json": #"{\#(host), "after": ["b"]}"#, "/d/b.json": "{\(host)}"])
    let new = set(
      ["/d/a.json": "", "/d/b.json": #"{\#(host), "after": ["a"]}"#], keeping: old)
    #expect(new.names == ["a", "b"] && new.definitions.last?.after == [])
    #expect(
      new.complaints.last == "/d/b.json:1: after[0]: b would be after itself: after a, which is after b")
  }

  @Test("Of a slip that was made a thousand times, the first are told")
  func many() {
    let wrong = (1...1000).map { #"{"name": "p\#($0)", \#(host), "cpuWeight": -1}"# }
    let found = set(["/d/a.json": "[\(wrong.joined(separator: ",\n"))]"])
    #expect(found.errors.count == 21 && found.errors[19].line == 20)
    #expect(found.complaints.last == "/d/a.json: 980 more errors of this kind")
    let unknown = set(["/d/a.json": #"{\#(host), "replicas": 22, "after": ["x{index}"]}"#])
    #expect(unknown.errors.count == 21)
    #expect(unknown.complaints.last == "/d/a.json: 2 more errors of this kind")
    let circle = set([
      "/d/a.json": "["
        + (0..<50).map { #"{"name": "\#($0)", \#(host), "after": ["\#(($0 + 1) % 50)"]}"# }
        .joined(separator: ",") + "]"
    ])
    #expect(circle.errors.count == 1)
    #expect(
      circle.complaints.first?.hasSuffix(
        "10 (/d/a.json), which is after 39 more, the last of which is after 0") == true)
  }

  @Test("A file that has become wrong defines what it defined before, and one that is gone nothing")
  func keeping() {
    let old = set([
      "/d/a.json": #"{\#(host), "stopTimeout": "7s"}"#, "/d/b.json": "{\(host)}", "/d/c.json": "{\(host)}",
      "/d/d.json": "{\(host)}",
    ])
    let new = set(
      [
        "/d/a.json": "{", "/d/c.json": #"{\#(host), "name": "a"}"#,
        "/d/d.json": #"{\#(host), "after": ["b"]}"#,
        "/d/e.json": #"{\#(host), "after": ["a"]}"#,
      ], keeping: old)
    #expect(new.errors.map(\.file) == ["/d/a.json", "/d/c.json", "/d/d.json"])
    #expect(Set(new.names) == ["a", "c", "d", "e"])
    #expect(new.definitions.first { $0.name == "a" }?.stopTimeout == 7000)
    let changes = DefinitionChanges.changes(from: old, to: new)
    #expect(changes.removed == ["b"] && changes.added.map(\.name) == ["e"] && changes.changed.isEmpty)
  }

  @Test("Nobody is removed while a file has errors, which may be the one that defines him")
  func removalWithErrors() {
    let old = set(["/d/a.json": "{\(host)}", "/d/b.json": "{\(host)}"]).definitions
    let torn = DefinitionChanges(from: old, to: set(["/d/a.json": "{\(host)}", "/d/b.json": "{"]))
    #expect(torn.removed.isEmpty && torn.unclear == ["b"])
    let whole = DefinitionChanges(from: old, to: set(["/d/a.json": "{\(host)}"]))
    #expect(whole.removed == ["b"] && whole.unclear.isEmpty)
  }

  @Test("When a directory cannot be read, what was in it is kept")
  func keepingDirectory() {
    let old = set(["/d/a.json": "{\(host)}", "/dd/b.json": "{\(host)}"])
    let new = DefinitionSet(
      [Source(path: "/d", content: .unreadable("gone"))], initProgram: "", keeping: old)
    #expect(new.names == ["a"] && new.complaints == ["/d: gone"])
  }

  @Test("Read a share at a time, files define the same, and have the same errors")
  func shares() {
    let sources = [
      ("/d/a.json", #"{"image": "host", "replicas": 100}"#), ("/d/b.json", "{"), ("/d/c.json", "[]"),
      (
        "/d/d.json",
        #"[{"image": "host", "name": "x"}, {"image": "host", "name": "y{index}", "replicas": 3}]"#
      ),
      ("/d/e.json", #"[{"image": "host", "name": "z"}, {"image": "host", "nonesuch": 1}]"#),
      ("/d/f.json", #"{"image": "host", "replicas": 0}"#), ("/d/g.json", #"{"replicas": "many"}"#),
      ("/d/h.json", #"{"image": "host", "replicas": 50, "stopTimeout": "{index}"}"#),
    ].map { DefinitionSet.Source(path: $0.0, content: .bytes(Array($0.1.utf8))) }
    let whole = DefinitionSet(sources, initProgram: "")
    #expect(whole.definitions.count == 104 && whole.errors.count == 4, "\(whole.errors)")
    for share in [1, 7, 1000] {
      var reader = DefinitionReader(sources, initProgram: "")
      var count = 1
      while reader.read(atMost: share) { count += 1 }
      #expect(reader.set.entries == whole.entries && reader.set.errors == whole.errors)
      #expect(count > 104 / share)
    }
  }

  @Test("Files are read in the order of their names, hidden ones and others not at all")
  func directory() throws {
    let path = "/tmp/swiftjail-definitions-\(getpid())"
    try Directory.makeAll(path + "/dir.json")
    defer {
      for name in ["b.json", "a.json", ".c.json", "d.txt"] { try? File.remove("\(path)/\(name)") }
      try? Directory.remove(path + "/dir.json")
      try? Directory.remove(path)
    }
    for name in ["b.json", "a.json", ".c.json", "d.txt"] {
      let file = try FileDescriptor.open("\(path)/\(name)", [.writeOnly, .create], mode: 0o644)
      try file.writeAll(Array("{\(host)}".utf8))
    }
    let sources = DefinitionSet.sources([path + "/", path + "/none"])
    #expect(
      sources.map { $0.path } == ["/a.json", "/b.json", "/dir.json", "/none"].map { path + $0 })
    let found = DefinitionSet(sources, initProgram: "")
    #expect(found.names == ["a", "b"])
    #expect(
      found.complaints == [
        "\(path)/dir.json: is no regular file", "\(path)/none: cannot be read: No such file or directory",
      ])
  }
}

@Suite("The order of starting")
struct StartOrderTests {
  func order(_ after: KeyValuePairs<String, [String]>) -> StartOrder {
    StartOrder(
      after.map { name, after in
        var definition = PartitionDefinition(name: name, content: .bundle("/"))
        definition.after = after
        return definition
      })
  }

  @Test("Each comes after those that it names, and otherwise as they were given")
  func sorted() {
    #expect(order(["a": [], "b": [], "c": []]).order == [0, 1, 2])
    #expect(order(["a": ["c"], "b": [], "c": []]).order == [2, 0, 1])
    #expect(order(["a": ["d", "b"], "b": ["c"], "c": [], "d": ["c"]]).order == [2, 3, 1, 0])
    #expect(order(["a": ["nobody"], "b": ["a", "a"]]).order == [0, 1])
  }

  @Test("Circles are found, and even then all are started")
  func circles() {
    let found = order(["a": ["b"], "b": ["c"], "c": ["b"], "d": ["d"], "e": []])
    #expect(found.cycles == [[1, 2], [3]])
    #expect(found.order.sorted() == [0, 1, 2, 3, 4])
  }

  @Test("A chain may be as long as there are partitions")
  func chain() {
    let definitions = (0..<50_000).map { index in
      var definition = PartitionDefinition(name: String(index), content: .bundle("/"))
      definition.after = index < 49_999 ? [String(index + 1)] : []
      return definition
    }
    #expect(StartOrder(definitions).order == Array((0..<50_000).reversed()))
  }
}
