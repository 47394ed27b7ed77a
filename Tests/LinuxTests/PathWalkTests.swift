import Foundation
import Synchronization
import Testing

@testable import Linux

@Suite("A path walked name by name")
struct PathWalkTests {
  /// A root with files, directories and links of all kinds, in a directory with a file that is out of bounds.
  private func withRoot(_ body: (_ root: borrowing FileDescriptor, _ path: String) throws -> Void) throws {
    let scratch = try Scratch()
    let path = scratch.path
    try Directory.makeAll("\(path)/root/a/b/c")
    try Directory.makeAll("\(path)/outside")
    for file in ["root/file", "root/a/file", "root/a/b/c/file", "outside/secret"] {
      try File.replace("\(path)/\(file)", with: Array(file.utf8))
    }
    let links = [
      "up": "..", "far": "../../../../../..", "absolute": "/a/b", "out": "../outside", "dir": "a/b/",
      "tofile": "file",
      "tofileslash": "file/", "loop": "loop", "ping": "pong", "pong": "ping", "dangling": "nowhere/else",
      "chain": "dir/c/../..", "a/back": "../a/b", "a/b/root": "/", "host": "\(path)/outside", "dot": ".",
    ]
    for (name, target) in links { try File.makeSymbolicLink("\(path)/root/\(name)", to: target) }
    try body(try FileDescriptor.open("\(path)/root", [.path, .directory]), path)
  }

  private static let paths = [
    "a", "a/b", "a/b/c/file", "file", "/file", "/", ".", "..", "../..", "a/..", "a/../..", "a/../../outside",
    "up",
    "up/a", "up/outside/secret", "far", "far/a/file", "absolute", "absolute/c/file", "out", "out/secret",
    "dir",
    "dir/c", "dir/../file", "tofile", "tofile/", "tofileslash", "file/", "file/.", "file/..", "file/x",
    "loop",
    "loop/x", "ping", "dangling", "dangling/x", "chain", "chain/file", "a/back/c/file", "a/b/root/file",
    "a/b/root/up/file", "host", "host/secret", "dot", "dot/dot/a", "a//b", "a/./b/", "missing", "missing/x",
    "a/missing", "", "up/..", "dir/", "loop/", "dangling/",
  ]

  /// What a call answers: which file, or which error.
  private enum Answer: Equatable {
    case file(UInt64, FileKind)
    case error(Errno)

    init(_ body: () throws(Errno) -> FileDescriptor) {
      do throws(Errno) {
        let status = try body().status()
        self = .file(status.inode, status.kind)
      } catch { self = .error(error) }
    }
  }

  @Test("It leads where openat2 leads, and is refused where that is refused")
  func sameAsKernel() throws {
    let resolves: [ResolveFlags] = [
      [.inRoot], [.inRoot, .noMagicLinks], [.beneath], [.inRoot, .noSymlinks], [.beneath, .noSymlinks],
      [.inRoot, .noCrossDevice], [.noCrossDevice, .noSymlinks],
    ]
    let flags: [OpenFlags] = [
      .path, [.path, .directory], [.path, .noFollow], [.path, .directory, .noFollow], .readOnly,
      [.readOnly, .noFollow], [.readOnly, .directory],
    ]
    try withRoot { root, _ in
      let root = root.rawValue
      for path in Self.paths {
        for resolve in resolves {
          for flags in flags {
            let kernel = Answer { () throws(Errno) in
              try PathWalk.open(path, flags.rawValue, mode: 0, resolve, at: root)
            }
            let names = Answer { () throws(Errno) in
              try PathWalk.openByName(path, flags.rawValue, mode: 0, resolve, at: root)
            }
            #expect(kernel == names, "\(path), \(resolve), \(flags)")
          }
        }
      }
    }
  }

  @Test("It follows no magic link")
  func magicLinks() throws {
    let proc = try FileDescriptor.open("/proc", [.path, .directory])
    let path = "self/fd/\(proc.rawValue)"
    for resolve: ResolveFlags in [[.inRoot, .noMagicLinks], [.inRoot]] {
      let answer = Answer { () throws(Errno) in
        try PathWalk.openByName(path, OpenFlags.path.rawValue, mode: 0, resolve, at: proc.rawValue)
      }
      #expect(answer == .error(.tooManySymbolicLinks))
    }
    let mounts = Answer { () throws(Errno) in
      try PathWalk.openByName("mounts", 0, mode: 0, [.inRoot, .noMagicLinks], at: proc.rawValue)
    }
    #expect(mounts != .error(.tooManySymbolicLinks))
  }

  @Test("It stays on the mount where it starts when it is told to")
  func mounts() throws {
    let root = try FileDescriptor.open("/", [.path, .directory])
    for path in ["proc", "proc/self", "proc/../etc"] {
      let answer = Answer { () throws(Errno) in
        try PathWalk.openByName(path, OpenFlags.path.rawValue, mode: 0, .noCrossDevice, at: root.rawValue)
      }
      #expect(answer == .error(Errno(rawValue: EXDEV)), "\(path)")
    }
  }

  @Test("Somebody who moves directories meanwhile does not lead it out of its root")
  func swapped() throws {
    try withRoot { root, path in
      let secret = try FileStatus.of("\(path)/outside/secret").inode
      try File.replace("\(path)/root/a/secret", with: [])
      let swapper = Swapper(path)
      swapper.start()
      defer { swapper.end() }
      for _ in 0..<3000 {
        for name in [
          "a/secret", "a/b/../secret", "a/b/c/../../../outside/secret", "moving/../../outside/secret",
        ] {
          let answer = Answer { () throws(Errno) in
            try PathWalk.openByName(name, OpenFlags.path.rawValue, mode: 0, .inRoot, at: root.rawValue)
          }
          if case .file(let inode, _) = answer { #expect(inode != secret) }
        }
      }
    }
  }

  /// Has `a` be a directory and a link out of the root by turns, and moves another out and back.
  private final class Swapper: Sendable {
    private let path: String
    private let isOver = Mutex(false)
    private let ended = DispatchSemaphore(value: 0)

    init(_ path: String) { self.path = path }

    func start() { Thread.detachNewThread { self.swap() } }

    private func swap() {
      symlink("../outside", "\(path)/root/link")
      mkdir("\(path)/root/moving", 0o755)
      while !isOver.withLock({ $0 }) {
        rename("\(path)/root/a", "\(path)/root/spare")
        rename("\(path)/root/link", "\(path)/root/a")
        rename("\(path)/root/moving", "\(path)/outside/moving")
        rename("\(path)/root/a", "\(path)/root/link")
        rename("\(path)/root/spare", "\(path)/root/a")
        rename("\(path)/outside/moving", "\(path)/root/moving")
      }
      ended.signal()
    }

    func end() {
      isOver.withLock { $0 = true }
      ended.wait()
    }
  }
}
