import Testing

@testable import OCI

func parse(_ text: String) throws(JSONError) -> JSON { try JSON(parsing: Array(text.utf8)) }

func failure(_ bytes: [UInt8]) -> JSONError? {
  do {
    _ = try JSON(parsing: bytes)
    return nil
  } catch {
    return error
  }
}

func failure(_ text: String) -> JSONError? { failure(Array(text.utf8)) }

@Suite("JSON texts")
struct JSONParserTests {
  @Test(
    "A value is read as what it is",
    arguments: [
      ("null", .null), (" true\r\n\t", .bool(true)), ("false", .bool(false)), ("0", .integer(0)),
      ("-0", .integer(0)), ("-17", .integer(-17)), ("1.5", .double(1.5)), ("1e3", .double(1000)),
      ("-2.5E-1", .double(-0.25)), ("9223372036854775807", .integer(.max)),
      ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .unsigned(1 << 63)),
      ("18446744073709551615", .unsigned(.max)), ("[]", .array([])),
      ("[ 1 , [] ]", .array([.integer(1), .array([])])),
      (#""""#, .string("")), (#""é😀""#, .string("é😀")),
      (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{c}\n\r\t")),
      (#""\u00e9\uD83D\uDE00\u0000""#, .string("é😀\0")),
    ] as [(String, JSON)])
  func reads(text: String, value: JSON) throws {
    #expect(try parse(text) == value)
  }

  @Test("Members keep the order of the document")
  func order() throws {
    let json = try parse(#"{"z": 1, "a": {"m": []}, "k": null}"#)
    guard case .object(let object) = json else {
      Issue.record("not an object")
      return
    }
    #expect(object.members.map(\.key) == ["z", "a", "k"])
    #expect(object["k"] == .null)
    #expect(object["missing"] == nil)
    #expect(json.text() == #"{"z":1,"a":{"m":[]},"k":null}"#)
  }

  @Test(
    "A malformed text is an error with a place and a reason",
    arguments: [
      ("", 1, 1, "not the end of the text"), ("{]", 1, 2, "name in quotes"),
      ("[1,]", 1, 4, "value is expected"),
      ("{\"a\":1,}", 1, 8, "name in quotes"), ("{\n  \"a\" 1\n}", 2, 7, "\":\""),
      ("[1\n2]", 2, 1, "\",\" or \"]\""),
      ("tru", 1, 1, "value is expected"), ("nul!", 1, 1, "value is expected"),
      ("'a'", 1, 1, "value is expected"),
      ("01", 1, 1, "does not begin with 0"), ("-", 1, 2, "digit"), ("+1", 1, 1, "value"),
      (".5", 1, 1, "value"),
      ("1.", 1, 3, "digit"), ("1e", 1, 3, "digit"), ("1e+", 1, 4, "digit"), ("0x1", 1, 2, "after the end"),
      ("NaN", 1, 1, "value"), ("1e400", 1, 1, "too large"), ("18446744073709551616", 1, 1, "too large"),
      ("-9223372036854775809", 1, 1, "too small"), (String(repeating: "9", count: 5000), 1, 1, "too large"),
      ("\"a", 1, 3, "ends inside a string"), ("\"a\nb\"", 1, 3, "control character"),
      ("\"\\n\u{1}\"", 1, 4, "control character"), (#""\x""#, 1, 2, "escape"),
      (#""\u12G4""#, 1, 6, "hexadecimal"),
      (#""\uD800""#, 1, 2, "surrogate"), (#""\uDC00""#, 1, 2, "surrogate"),
      (#""\uD800\u0041""#, 1, 2, "surrogate"),
      (#""\uD800\n""#, 1, 2, "surrogate"), ("1 2", 1, 3, "after the end"), ("{} {}", 1, 4, "after the end"),
      ("{\"a\":1,\n\"b\":2,\"a\":3}", 2, 7, "already in this object"),
      ("{\"a\":1,\"\\u0061\":2}", 1, 8, "already"),
      ("\u{FEFF}{}", 1, 1, "byte order mark"), ("/* */1", 1, 1, "value"), ("\u{A0}1", 1, 1, "0xC2"),
      ("[,1]", 1, 2, "value"), ("{1:2}", 1, 2, "name in quotes"),
    ] as [(String, Int, Int, String)])
  func malformed(text: String, line: Int, column: Int, reason: String) throws {
    let error = try #require(failure(text))
    #expect(error.line == line && error.column == column, "\(error)")
    #expect(error.message.contains(reason), "\(error)")
    #expect(!error.description.contains("\n"))
  }

  @Test(
    "Bytes that are not UTF-8 are an error",
    arguments: [
      [0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80], [0xE2, 0x82],
    ] as [[UInt8]])
  func badUTF8(bytes: [UInt8]) throws {
    let quote = UInt8(ascii: "\"")
    #expect(try #require(failure([quote] + bytes + [quote])).message.contains("UTF-8"))
    #expect(try #require(failure([quote, 0x5C, 0x6E] + bytes + [quote])).message.contains("UTF-8"))
    #expect(failure(bytes) != nil)
  }

  @Test("Nesting goes 128 levels deep and no deeper")
  func depth() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    _ = try parse(nested(128))
    #expect(try #require(failure(nested(129))).column == 129)
    #expect(failure(String(repeating: "{\"a\":", count: 100_000)) != nil)
    #expect(failure(String(repeating: "[", count: 1_000_000)) != nil)
  }

  @Test("A large object is read, and a duplicate name in it is found")
  func manyMembers() throws {
    let members = (0..<20_000).map { "\"name\($0)\":\($0)" }.joined(separator: ",")
    guard case .object(let object) = try parse("{\(members)}") else {
      Issue.record("not an object")
      return
    }
    #expect(object.members.count == 20_000)
    #expect(failure("{\(members),\"name3\":0}") != nil)
    #expect(failure("{\(members),\"name19999\":0}") != nil)
  }

  @Test("Strings are escaped as JSON demands, and nothing more that is to be seen")
  func escapes() {
    let text = JSON.string("a\"\\/\u{8}\u{c}\n\r\t\0\u{1f}é<>&").text()
    #expect(text == #""a\"\\/\b\f\n\r\t\u0000\u001fé<>&""#)
  }

  @Test("A pretty text has a member a line")
  func pretty() throws {
    let json = try parse(#"{"a":[1,{"b":[]}],"c":{}}"#)
    #expect(
      json.text(.tabs)
        == "{\n\t\"a\": [\n\t\t1,\n\t\t{\n\t\t\t\"b\": []\n\t\t}\n\t],\n\t\"c\": {}\n}")
    #expect(json.text(.spaces).hasPrefix("{\n  \"a\": [\n    1,"))
  }

  @Test("Numbers that JSON lacks are written as null")
  func notFinite() {
    #expect(
      JSON.array([.double(.infinity), .double(.nan), .double(1e300), .double(-0.0)]).text()
        == "[null,null,1e+300,-0.0]")
  }

  @Test("Members can be set, replaced and removed")
  func members() {
    var object = JSON.Object()
    object["a"] = .integer(1)
    object["b"] = .integer(2)
    object["a"] = .integer(3)
    object["b"] = nil
    object["c"] = nil
    #expect(JSON.object(object).text() == #"{"a":3}"#)
  }
}
