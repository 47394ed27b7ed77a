import Foundation
import Testing

/// `check`, which needs no root.
@Suite("Checking definitions")
struct CheckTests {
  /// What `check` says of files with these contents, below `$DIR`.
  func check(_ files: [String: String], _ arguments: [String] = ["$DIR"]) throws -> (Outcome, [String]) {
    let scratch = Scratch()
    defer { scratch.remove() }
    for (name, text) in files { try write(text, to: "\(scratch.path)/\(name)") }
    let words = arguments.map { $0.replacingOccurrences(of: "$DIR", with: scratch.path) }
    let outcome = try Program(Swiftjail.program, ["check"] + words).call()
    let complaints = outcome.complaints.map { $0.replacingOccurrences(of: scratch.path, with: "$DIR") }
    return (outcome, complaints)
  }

  let host = #""image": "host""#

  @Test("When all is well it counts partitions and files")
  func well() throws {
    let one = try check(["a.json": "{\(host)}", "ignored.txt": "{"]).0
    #expect(one.status == 0 && one.text == "1 partition in 1 file" && one.stderr.isEmpty, "\(one)")
    let many = try check(["a.json": "{\(host)}", "b.json": #"{\#(host), "replicas": 3}"#]).0
    #expect(many.status == 0 && many.text == "4 partitions in 2 files", "\(many)")
    let none = try check([:]).0
    #expect(none.status == 0 && none.text == "0 partitions in 0 files", "\(none)")
  }

  @Test("Each error is a line with file, line and field, and the status is 1")
  func errors() throws {
    let (outcome, complaints) = try check([
      "a.json": "{\(host),\n\"after\": [\n\"nobody\"]}",
      "b.json": "[\n{\(host),\n\"name\": \"b\", \"memory\": \"x\"}]",
      "c.json": "{\n\"image\"}", "d.json": "{\(host)}",
    ])
    #expect(outcome.status == 1 && outcome.stdout.isEmpty, "\(outcome)")
    #expect(
      complaints == [
        "$DIR/b.json:3: partitions[0].memory: must be an amount such as 64m",
        #"$DIR/c.json:2: not valid JSON at column 8: ":" is expected, not "}""#,
        #"$DIR/a.json:3: after[0]: there is no partition "nobody""#,
      ])
  }

  @Test("Files and directories are one set")
  func several() throws {
    let files = ["a.json": "{\(host)}", "b.conf": #"{"name": "b", \#(host), "after": ["a"]}"#]
    let both = try check(files, ["$DIR", "$DIR/b.conf"]).0
    #expect(both.status == 0 && both.text == "2 partitions in 2 files", "\(both)")
    let (alone, complaints) = try check(files, ["$DIR/b.conf"])
    #expect(alone.status == 1 && complaints.count == 1, "\(alone)")
    #expect(complaints.first?.hasPrefix("$DIR/b.conf:1: after[0]: ") == true, "\(alone)")
  }

  @Test("What is not there is an error, as is an option that it does not have")
  func missing() throws {
    let (outcome, complaints) = try check([:], ["$DIR/none"])
    #expect(outcome.status == 1)
    #expect(complaints == ["$DIR/none: cannot be read: No such file or directory"])
    let option = try check([:], ["--fix"]).0
    #expect(option.status == 1 && option.stderr.contains("--fix"), "\(option)")
  }

  @Test("The example is right, and so is that of the manual")
  func examples() throws {
    let example = try Program(Swiftjail.program, ["check", "\(package)/Examples/partitions.d"]).call()
    #expect(example.status == 0 && example.text == "5 partitions in 1 file", "\(example)")
    let page = try #require(contents("\(package)/man/swiftjail-partitions.5")).lines
    let shown = page.drop { !$0.hasPrefix(".Bd -literal") }.dropFirst().prefix { $0 != ".Ed" }
    let manual = try check(["page.json": shown.joined(separator: "\n")]).0
    #expect(manual.status == 0 && manual.text == "5 partitions in 1 file", "\(manual)")
  }
}
