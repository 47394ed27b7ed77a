import Foundation

/// A directory of the test's own, which others may enter but not list.
struct Scratch {
  let path: String

  init() {
    let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    var template = Array("\(parent)/swiftjail-test-XXXXXX".utf8CString)
    let made = mkdtemp(&template) != nil
    path =
      made
      ? String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) : "/nonexistent"
    // A container's user may be another one and has to pass through.
    chmod(path, 0o711)
  }

  /// Removes the directory. Mounts that a failed test left below it are taken off first and never
  /// crossed: they may be somebody else's files.
  func remove() {
    for mount in Mount.table().reversed() where mount.point.hasPrefix(path + "/") {
      umount2(mount.point, Int32(MNT_DETACH) | Int32(UMOUNT_NOFOLLOW))
    }
    guard !Mount.table().contains(where: { $0.point.hasPrefix(path + "/") }) else { return }
    var remover = pid_t()
    let argv = cStrings(["rm", "-rf", "--one-file-system", path])
    defer { for pointer in argv { free(pointer) } }
    let code = Executable.lock.withLock { posix_spawn(&remover, "/bin/rm", nil, nil, argv, nil) }
    guard code == 0 else { return }
    waitpid(remover, nil, 0)
  }
}

/// A null-terminated array for exec; the caller frees the elements.
func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
  texts.map { text in strdup(text) } + [nil]
}

/// How long a test waits for what ought to happen at once on an idle machine. Generous: the test
/// kernel is emulated.
let patience: Double = 90

/// Asks until the answer is yes; false when it never came in time.
func poll(for seconds: Double = patience, _ happened: () throws -> Bool) rethrows -> Bool {
  let deadline = Date().addingTimeInterval(seconds)
  var pause: useconds_t = 1000
  while true {
    if try happened() { return true }
    if Date() > deadline { return false }
    usleep(pause)
    pause = min(pause * 2, 20_000)
  }
}

extension String {
  var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
  var lines: [String] { split(separator: "\n", omittingEmptySubsequences: true).map(String.init) }
  var words: [String] { split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init) }
}

/// A file's whole text; nil when it cannot be read.
func contents(_ path: String) -> String? {
  // /proc and cgroup files say size 0, so they are read until they end.
  let fd = open(path, O_RDONLY | O_CLOEXEC)
  guard fd >= 0 else { return nil }
  defer { close(fd) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = read(fd, &buffer, buffer.count)
    if count < 0 { return nil }
    if count == 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += buffer[..<count]
  }
}

/// A symbolic link's target; nil when it is none.
func link(_ path: String) -> String? {
  try? FileManager.default.destinationOfSymbolicLink(atPath: path)
}

/// The path of a program, if the system has it or `Tests/install-packages` has unpacked it.
func installed(_ name: String) -> String? {
  let package = URL(filePath: #filePath).appending(path: "../../..").standardized.path
  return ["/usr/local/bin", "/usr/bin", "\(package)/.build/tools/usr/bin"].map { "\($0)/\(name)" }
    .first(where: exists)
}

func exists(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0
}

func write(_ text: String, to path: String, mode: mode_t = 0o644) throws {
  try Executable.lock.withLock { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
  chmod(path, mode)
}

/// A file that is open for writing cannot be executed, and a child started at that moment holds it open too, until it
/// executes its own program. So neither happens during the other.
enum Executable {
  static let lock = NSLock()

  static func copy(_ path: String, to copy: String) throws {
    try lock.withLock { try FileManager.default.copyItem(atPath: path, toPath: copy) }
  }
}

func makeDirectory(_ path: String) throws {
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
}

func makeLink(_ path: String, to target: String) throws {
  try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
}

/// A pipe; the test closes both ends.
struct Pipe {
  let reading: CInt
  let writing: CInt

  init() throws {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw Broken("no pipe: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    reading = ends[0]
    writing = ends[1]
  }
}
