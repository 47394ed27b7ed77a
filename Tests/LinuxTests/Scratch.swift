import Glibc

@testable import Linux

/// A directory that goes with this value.
final class Scratch {
  let path: String

  init() throws {
    var template = Array("/tmp/swiftjail-unit-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno.current }
    path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  deinit { try? Directory.removeTree(path) }

  /// Puts a file with `text` at `name`.
  func write(_ text: String, to name: String) throws {
    let file = try FileDescriptor.open("\(path)/\(name)", [.writeOnly, .create, .truncate], mode: 0o600)
    try file.writeAll(Array(text.utf8))
  }

  /// The names in the directory, sorted.
  func names() throws -> [String] { try Directory.entries(of: path).map(\.name).sorted() }
}

/// Starts a program as a child of this process, with `descriptors` from number 9 up.
func start(_ path: String, _ arguments: [String], descriptors: [Int32] = []) throws -> Int32 {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  // Copies, because one of them may have the number that another one gets.
  let copies = descriptors.map { fcntl($0, F_DUPFD_CLOEXEC, 64) }
  defer { for copy in copies { close(copy) } }
  for (index, copy) in copies.enumerated() {
    posix_spawn_file_actions_adddup2(&actions, copy, 9 + Int32(index))
  }
  // The threads that run tests may block signals.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var mask = sigset_t()
  sigemptyset(&mask)
  posix_spawnattr_setsigmask(&attributes, &mask)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  let list = CStringArray(arguments)
  let environment = CStringArray(["PATH=/usr/bin:/bin", "MARK=set"])
  var pid: Int32 = 0
  let code = posix_spawn(&pid, path, &actions, &attributes, list.pointers, environment.pointers)
  guard code == 0 else { throw Errno(rawValue: code) }
  return pid
}
