import Linux
import Testing

@testable import Supervisor

@Suite("News of directories")
struct DirectoryNewsTests {
  private let loop: EventLoop
  private let scratch: LogScratch
  private let news: DirectoryNews

  init() throws {
    loop = try EventLoop()
    scratch = try LogScratch()
    news = DirectoryNews(loop)
    for name in ["a", "b"] { try Directory.make("\(scratch.path)/\(name)", mode: 0o700) }
  }

  private func write(_ name: String) throws {
    try scratch.write("x", to: "\(name)/log")
    for _ in 0..<3 { try loop.turn(longest: 0) }
  }

  @Test("Each reader is told of its own directory, and several of the same one")
  func readers() throws {
    var told: [String] = []
    let first = try news.watch("\(scratch.path)/a") { told.append("first") }
    let second = try news.watch("\(scratch.path)/a") { told.append("second") }
    let other = try news.watch("\(scratch.path)/b") { told.append("other") }
    #expect(news.watchCount == 2)
    try write("a")
    #expect(Set(told) == ["first", "second"])
    told = []
    try write("b")
    #expect(Set(told) == ["other"])
    told = []
    first()
    first()
    try write("a")
    #expect(Set(told) == ["second"])
    second()
    other()
    #expect(news.watchCount == 0)
    told = []
    try write("a")
    try write("b")
    #expect(told == [])
  }

  @Test("A reader may end it, for itself and for another, when it is told")
  func endsInside() throws {
    var told = 0
    var ends: [() -> Void] = []
    for _ in 0..<2 {
      ends.append(
        try news.watch("\(scratch.path)/a") {
          told += 1
          for end in ends { end() }
        })
    }
    try write("a")
    #expect(told == 1 && news.watchCount == 0)
  }

  @Test("A directory that goes is watched no more, and one that comes in its place can be")
  func replaced() throws {
    var told = 0
    let end = try news.watch("\(scratch.path)/a") { told += 1 }
    try Directory.removeTree("\(scratch.path)/a")
    for _ in 0..<3 { try loop.turn(longest: 0) }
    #expect(news.watchCount == 0)
    end()
    #expect(throws: Errno.noSuchFileOrDirectory) { _ = try news.watch("\(scratch.path)/a") {} }
    try Directory.make("\(scratch.path)/a", mode: 0o700)
    told = 0
    let again = try news.watch("\(scratch.path)/a") { told += 1 }
    try write("a")
    #expect(told > 0)
    again()
  }
}
