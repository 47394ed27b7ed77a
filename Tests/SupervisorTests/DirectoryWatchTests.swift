import Linux
import Testing

@testable import Supervisor

@Suite("A directory that is watched")
struct DirectoryWatchTests {
  private final class Watched {
    let loop: EventLoop
    let scratch: LogScratch
    var changes = 0
    var watch: DirectoryWatch?
    var path: String { "\(scratch.path)/a/b/c" }

    init(_ directories: String...) throws {
      loop = try EventLoop()
      scratch = try LogScratch()
      for directory in directories { try Directory.makeAll("\(scratch.path)/\(directory)") }
      watch = try DirectoryWatch(path, loop) { [unowned self] in
        changes += 1
      } onFailure: {
        Issue.record("\($0)")
      }
    }

    /// Whether what `action` does is told.
    func tells(_ action: () throws -> Void) throws -> Bool {
      // What came before is another matter.
      while try turns() {}
      try action()
      return try turns()
    }

    private func turns() throws -> Bool {
      let before = changes
      try loop.turn(longest: 0)
      return changes > before
    }
  }

  private func touch(_ path: String) throws {
    _ = try FileDescriptor.open(path, [.writeOnly, .create], mode: 0o600)
  }

  @Test("A file that comes or goes is told")
  func files() throws {
    let it = try Watched("a/b/c")
    #expect(try it.tells { try touch("\(it.path)/x") })
    #expect(try it.tells { try File.remove("\(it.path)/x") })
    #expect(try !it.tells {})
  }

  @Test("What else is in the directories above it is not told")
  func others() throws {
    let it = try Watched("a/b/c")
    #expect(try !it.tells { try touch("\(it.scratch.path)/a/b/x") })
    #expect(try !it.tells { try Directory.make("\(it.scratch.path)/a/d") })
  }

  @Test("It need not be there yet, nor those above it")
  func later() throws {
    let it = try Watched()
    #expect(try it.tells { try Directory.make("\(it.scratch.path)/a") })
    #expect(try it.tells { try Directory.make("\(it.scratch.path)/a/b") })
    #expect(try it.tells { try Directory.make(it.path) })
    #expect(try it.tells { try touch("\(it.path)/x") })
  }

  @Test("Made at once with all above it, it is watched as well")
  func atOnce() throws {
    let it = try Watched()
    #expect(try it.tells { try Directory.makeAll(it.path) })
    #expect(try it.tells { try touch("\(it.path)/x") })
  }

  @Test(
    "Removed and made again it is told of, also while somebody has the old one open",
    arguments: [false, true])
  func removed(isOpen: Bool) throws {
    let it = try Watched("a/b/c")
    let held = isOpen ? try FileDescriptor.open(it.path, [.readOnly, .directory]) : nil
    #expect(try it.tells { try Directory.remove(it.path) })
    #expect(try it.tells { try Directory.make(it.path) })
    #expect(try it.tells { try touch("\(it.path)/x") })
    withExtendedLifetime(held) {}
  }

  @Test("A symbolic link on the way is told of when it leads elsewhere, and so is a link in its target")
  func links() throws {
    let it = try Watched("one/b/c", "two/b/c", "three/c")
    let scratch = it.scratch.path
    func link(_ name: String, to target: String) throws {
      try File.makeSymbolicLink("\(scratch)/\(name).new", to: target)
      try File.rename("\(scratch)/\(name).new", to: "\(scratch)/\(name)")
    }
    #expect(try it.tells { try link("a", to: "current") })
    #expect(try it.tells { try link("current", to: "one") })
    #expect(try it.tells { try touch("\(scratch)/one/b/c/x") })
    #expect(try it.tells { try link("current", to: "../\(scratch.split(separator: "/").last ?? "")/./two") })
    #expect(try !it.tells { try touch("\(scratch)/one/b/c/y") })
    #expect(try it.tells { try touch("\(scratch)/two/b/c/y") })
    #expect(try it.tells { try Directory.removeTree("\(scratch)/two/b") })
    #expect(try it.tells { try link("two/b", to: "\(scratch)/three") })
    #expect(try it.tells { try touch("\(scratch)/three/c/z") })
    // One that leads to itself leads nowhere.
    #expect(try it.tells { try link("current", to: "current") })
    #expect(try it.tells { try link("current", to: "one") })
    #expect(try it.tells { try touch("\(scratch)/one/b/c/z") })
  }

  @Test("Another one in its place is watched from then on", arguments: ["a", "a/b", "a/b/c"])
  func replaced(part: String) throws {
    let it = try Watched("a/b/c", "new/a/b/c")
    let place = "\(it.scratch.path)/\(part)"
    #expect(
      try it.tells {
        try File.rename(place, to: "\(it.scratch.path)/old")
        try File.rename("\(it.scratch.path)/new/\(part)", to: place)
      })
    #expect(try it.tells { try touch("\(it.path)/x") })
    let old = part == "a" ? "old/b/c" : part == "a/b" ? "old/c" : "old"
    #expect(try !it.tells { try touch("\(it.scratch.path)/\(old)/y") })
  }
}
