import Testing

@testable import Linux

@Suite("Inotify")
struct InotifyTests {
  @Test("Changes in a watched directory are told with their names, those of a rename together")
  func directory() throws {
    let scratch = try Scratch()
    let inotify = try Inotify()
    let watch = try inotify.add(scratch.path, [.created, .modified, .movedFrom, .movedTo, .deleted])
    #expect(try inotify.read().isEmpty)
    try scratch.write("text", to: "a")
    try File.rename("\(scratch.path)/a", to: "\(scratch.path)/b")
    try File.remove("\(scratch.path)/b")
    let events = try inotify.read()
    #expect(events.map(\.name) == ["a", "a", "a", "b", "b"])
    #expect(events.map(\.events) == [.created, .modified, .movedFrom, .movedTo, .deleted])
    #expect(events.allSatisfy { $0.watch == watch })
    #expect(events[2].cookie != 0)
    #expect(events[2].cookie == events[3].cookie)
    #expect(try inotify.read().isEmpty)
  }

  @Test("A watched file tells of what is written to it and of its new name, until it is watched no more")
  func file() throws {
    let scratch = try Scratch()
    try scratch.write("", to: "a")
    let inotify = try Inotify()
    let watch = try inotify.add("\(scratch.path)/a", [.modified, .selfMoved])
    try scratch.write("text", to: "a")
    try File.rename("\(scratch.path)/a", to: "\(scratch.path)/b")
    let events = try inotify.read()
    #expect(events.map(\.events) == [.modified, .selfMoved])
    #expect(events.allSatisfy { $0.name.isEmpty && $0.watch == watch })
    try inotify.remove(watch)
    #expect(try inotify.read().map(\.events) == [.ignored])
    try scratch.write("text", to: "b")
    #expect(try inotify.read().isEmpty)
  }

  @Test("What is not there cannot be watched")
  func missing() throws {
    let inotify = try Inotify()
    #expect(throws: Errno.noSuchFileOrDirectory) { _ = try inotify.add("/nowhere", .modified) }
  }
}
