import Testing

@testable import OCI

@Suite("Text for a terminal")
struct PrintableTextTests {
  @Test("What is to be seen is shown as it is", arguments: ["sleep 5", "", "grün 木 👩‍💻 ~", "שלום"])
  func seen(text: String) { #expect(text.printable == text) }

  @Test("Nothing in it does anything to the terminal, nor to the lines on it")
  func controls() {
    #expect("x\n0 1 fake\u{1b}[2J\u{7f}\u{0}".printable == "x?0 1 fake?[2J??")
    #expect("a\u{9b}2J\u{85}b\u{9d}\r\n".printable == "a?2J?b???")
    #expect("a\u{2028}b\u{2029}".printable == "a?b?")
  }

  @Test("Nothing in it turns the order of what is shown")
  func directions() {
    for scalar in ["\u{202a}", "\u{202e}", "\u{2066}", "\u{2069}", "\u{200e}", "\u{200f}", "\u{61c}"] {
      #expect("a\(scalar)b".printable == "a?b")
    }
  }

  @Test("JSON holds it all, and shows none of it as it is")
  func json() throws {
    let text = "a\u{9b}2J\u{202e}b\u{7f}\u{e9}木\u{61c}\u{200d}\u{1b}\""
    let bytes = JSON.string(text).bytes()
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == #""a\u009b2J\u202eb\u007f\#u{e9}木\u061c\#u{200d}\u001b\"""#)
    #expect(try JSON(parsing: bytes) == .string(text))
  }
}
