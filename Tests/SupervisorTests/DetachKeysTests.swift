import Testing

@testable import Supervisor

@Suite("The keys that detach from a terminal")
struct DetachKeysTests {
  private func taken(_ keys: String, _ typed: [[UInt8]]) throws -> ([UInt8], Bool) {
    var watch = DetachKeys.Watch(for: try DetachKeys(keys))
    var passed: [UInt8] = []
    for bytes in typed {
      let taken = watch.take(bytes)
      passed += taken.passed
      if taken.isDetached { return (passed, true) }
    }
    return (passed, false)
  }

  @Test("Without any they are ctrl-p and ctrl-q, in one piece or several")
  func usual() throws {
    #expect(try taken("", [[97, 16, 17, 98]]) == ([97], true))
    #expect(try taken("", [[97], [16], [17]]) == ([97], true))
    #expect(try taken("ctrl-p,ctrl-q", [[16, 17]]) == ([], true))
  }

  @Test("What is only their beginning goes to the program once that is known")
  func beginning() throws {
    #expect(try taken("", [[16]]) == ([], false))
    #expect(try taken("", [[16], [97]]) == ([16, 97], false))
    #expect(try taken("", [[16, 16, 17]]) == ([16], true))
    #expect(try taken("a,a,b", [Array("xaaab".utf8)]) == (Array("xa".utf8), true))
    #expect(try taken("a,b,a,c", [Array("ababac".utf8)]) == (Array("ab".utf8), true))
  }

  @Test("They are characters, and letters and some signs with ctrl")
  func names() throws {
    #expect(try taken("x", [Array("x".utf8)]) == ([], true))
    #expect(try taken("ctrl-@,ctrl-[,ctrl-_,ctrl-z", [[0, 27, 31, 26]]) == ([], true))
    #expect(try DetachKeys("ctrl-a").text == "ctrl-a" && DetachKeys().text == "")
  }

  @Test(
    "Others are refused, and named", arguments: ["ctrl-7", "ctrl-A", "ctrl-", "ab", "é", "a,,b", "ctrl-p,"])
  func wrong(text: String) {
    let error = #expect(throws: APIError.self) { try DetachKeys(text) }
    #expect(error?.status == 400 && error?.message.contains(text) == true)
  }
}
