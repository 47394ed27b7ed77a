import Linux

/// Where a mount goes in the container.
struct MountTarget: ~Copyable {
  /// The file or directory, for reference only.
  let place: FileDescriptor
  /// Whether it was not there and had to be created.
  let isNew: Bool
}

/// Mount points that are missing are created. A root filesystem can have links anywhere on the way, also such that lead
/// nowhere (`/etc/resolv.conf` of an image with systemd-resolved): they are followed inside the root, as the container itself
/// would follow them, and what they name is created.
extension RootFilesystem {
  /// Opens the file or directory `path`. Creates it, and the directories on the way, when it is not there.
  ///
  /// - Parameter followsLinks: whether links are followed inside the root; otherwise they are an error.
  func target(
    _ path: String, isDirectory: Bool, followsLinks: Bool = true
  ) throws(ContainerError) -> MountTarget {
    do throws(Errno) {
      let resolve: ResolveFlags = followsLinks ? [.inRoot, .noMagicLinks] : [.inRoot, .noSymlinks]
      let place = try FileDescriptor.open(path, .path, resolve: resolve, at: root.rawValue)
      return MountTarget(place: place, isNew: false)
    } catch .noSuchFileOrDirectory {
    } catch {
      throw ContainerError(
        "open the mount point \(path)", error,
        advice: !followsLinks && error == .tooManySymbolicLinks ? "it must be no link" : nil)
    }
    return try attempt("make the mount point \(path)") { () throws(Errno) in
      MountTarget(
        place: try create(path, isDirectory: isDirectory, followsLinks: followsLinks), isNew: true)
    }
  }

  /// The same, for those who do not ask whether it was there.
  func place(_ path: String, isDirectory: Bool) throws(ContainerError) -> FileDescriptor {
    let target = try target(path, isDirectory: isDirectory)
    return target.place
  }

  /// A directory that a walk has passed.
  private final class Passed {
    let directory: FileDescriptor
    init(_ directory: consuming FileDescriptor) { self.directory = directory }
  }

  /// Walks `path` name by name and creates what is missing.
  ///
  /// Each name is opened by itself in the directory before it, which is held open, and never followed by the kernel: whoever
  /// exchanges files meanwhile cannot lead the walk out of the root.
  private func create(
    _ path: String, isDirectory: Bool, followsLinks: Bool
  ) throws(Errno) -> FileDescriptor {
    var passed: [Passed] = []
    // The next name is the last one.
    var names = Self.names(in: path)
    // As many links as the kernel follows in one walk, and as many races that are lost.
    var attemptsLeft = 40
    while let name = names.popLast() {
      if name == ".." {
        _ = passed.popLast()
        continue
      }
      let above = passed.last?.directory.rawValue ?? root.rawValue
      let found: FileDescriptor
      do throws(Errno) {
        found = try FileDescriptor.open(name, [.path, .noFollow], at: above)
      } catch .noSuchFileOrDirectory {
        do throws(Errno) {
          found = try Self.make(name, isDirectory: isDirectory || !names.isEmpty, at: above)
        } catch .fileExists {
          // Somebody else at work in the same tree was faster. What that is has to be looked at.
          attemptsLeft -= 1
          if attemptsLeft < 0 { throw .fileExists }
          names.append(name)
          continue
        }
      }
      switch try found.status().kind {
      case .symbolicLink:
        attemptsLeft -= 1
        // The text of a link in procfs is not what it leads to.
        guard followsLinks, attemptsLeft >= 0, try FileSystemStatus.of(found).kind != .procfs else {
          throw .tooManySymbolicLinks
        }
        let text = try File.symbolicLink("", at: found.rawValue)
        // What is not UTF-8 has been replaced, so this is another name.
        if text.unicodeScalars.contains("\u{FFFD}") { throw .invalidArgument }
        if text.utf8.first == UInt8(ascii: "/") { passed = [] }
        names += Self.names(in: text)
      case .directory where !names.isEmpty: passed.append(Passed(found))
      default:
        guard names.isEmpty else { throw .notDirectory }
        return found
      }
    }
    return try FileDescriptor.open(
      ".", [.path, .directory], at: passed.last?.directory.rawValue ?? root.rawValue)
  }

  /// Creates one directory or empty file.
  private static func make(
    _ name: String, isDirectory: Bool, at directory: Int32
  ) throws(Errno) -> FileDescriptor {
    if isDirectory {
      try Directory.make(name, at: directory)
    } else {
      _ = try FileDescriptor.open(
        name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o644, at: directory)
    }
    do throws(Errno) {
      return try FileDescriptor.open(name, [.path, .noFollow], at: directory)
    } catch .noSuchFileOrDirectory {
      // It was removed again.
      throw .fileExists
    }
  }

  /// The names that `path` is made of, the first one last.
  private static func names(in path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).reversed().compactMap { name in
      name.elementsEqual(".".utf8) ? nil : String(decoding: name, as: UTF8.self)
    }
  }
}
