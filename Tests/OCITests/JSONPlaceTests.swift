import Testing

@testable import OCI

@Suite("Places in a JSON text")
struct JSONPlaceTests {
  static let text = """
    {
      "a": {"x": 1,
        "y": [1, [2,
          3], "]\\"}",
          {"z": {}}]
      },
      "a.b": true,
      "q\\u0022[": [
        {"n": 1}, {
          "n": 2}
      ],
      "é": null,
      "\\u0065nd": -1.5e3
    }
    """

  @Test(
    "A path leads to the line where its value begins, a member's to that of its name",
    arguments: [
      ("", 1), ("a", 2), ("a.x", 2), ("a.y", 3), ("a.y[0]", 3), ("a.y[1][0]", 3), ("a.y[1][1]", 4),
      ("a.y[2]", 4), ("a.y[3]", 5), ("a.y[3].z", 5), (#"["a.b"]"#, 7), (#"["q\"["]"#, 8),
      (#"["q\"["][0].n"#, 9), (#"["q\"["][1]"#, 9), (#"["q\"["][1].n"#, 10), (#"["é"]"#, 12), ("end", 13),
    ])
  func line(path: String, line: Int) throws {
    _ = try JSON(parsing: Array(Self.text.utf8))
    #expect(JSON.line(of: path, in: Array(Self.text.utf8)) == line)
  }

  @Test(
    "A path that leads nowhere stops at the innermost value that is there",
    arguments: [
      ("b", 1), ("a.b", 2), ("a.y[9]", 3), ("a.y.n", 3), (#"["q\"["][1].m"#, 9), ("end.x", 13),
      (#"["é"][0]"#, 12), ("[0]", 1),
    ])
  func missing(path: String, line: Int) {
    #expect(JSON.line(of: path, in: Array(Self.text.utf8)) == line)
  }

  @Test("A scalar, an empty text and a text of several lines before the value have lines as well")
  func documents() {
    #expect(JSON.line(of: "a", in: Array("\n\n 1".utf8)) == 3)
    #expect(JSON.line(of: "a", in: []) == 1)
    #expect(JSON.line(of: "[1]", in: Array("\n[1,\n2]\n".utf8)) == 3)
    #expect(JSON.line(of: "[1]", in: Array("\n[]\n".utf8)) == 2)
  }

  @Test("Whatever the text and the path are, the line is one of the text")
  func anything() {
    var random = SystemRandomNumberGenerator()
    let letters = Array(#"{}[]",:\.0123ab é"#.utf8) + [10, 0xff]
    func some(_ count: Int) -> [UInt8] {
      (0..<Int.random(in: 0...count, using: &random)).compactMap { _ in letters.randomElement(using: &random)
      }
    }
    for _ in 0..<2000 {
      let text = some(40)
      let path = String(decoding: some(12), as: UTF8.self)
      let line = JSON.line(of: path, in: text)
      #expect((1...(1 + text.count { $0 == 10 })).contains(line), "\(path) in \(text)")
    }
  }

  @Test("The path of an error is one that is found again")
  func errors() throws {
    let json = try JSON(parsing: Array("{\"a b\":\n[0,\n{\"c\":\n\"x\"}]}".utf8))
    guard case .object(let object) = json, object["a b"] != nil else { return }
    let error = ConfigError(path: "c", reason: "").inside(1).inside("a b")
    #expect(error.path == #"["a b"][1].c"#)
    #expect(JSON.line(of: error.path, in: Array("{\"a b\":\n[0,\n{\"c\":\n\"x\"}]}".utf8)) == 3)
  }
}
