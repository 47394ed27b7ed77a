import Container
import Definitions
import Layers
import Linux
import OCI

/// A process that works on the files of a partition. It has the partition's root directory as its own, so that no link in
/// it leads anywhere else.
struct ArchiveWorker {
  let id: ContainerID
  let definition: PartitionDefinition
  let isRunning: Bool
  let store: ContainerStore

  /// The status of a file, as the API's header field has it.
  func status(of path: ArchivePath) throws(SupervisorError) -> [UInt8] {
    try inside { (held) throws(SupervisorError) in
      Array(try status(of: try open(path), path, held).headerValue.utf8)
    }
  }

  /// Writes the status of a file to the descriptor `number`, after its length, and an archive of it.
  func read(_ path: ArchivePath, to number: Int32) throws(SupervisorError) -> [UInt8] {
    try inside { (held) throws(SupervisorError) in
      let output = FileDescriptor(owning: number)
      let file = try open(path)
      let header = Array(try status(of: file, path, held).headerValue.utf8)
      do throws(Errno) { try output.writeAll(ArchiveHead.bytes(header)) } catch {
        throw SupervisorError("write the archive of \(path.path)", error)
      }
      do throws(LayerError) {
        let packer = TreePacker(to: output, held)
        try packer.add(file, as: Array(path.name.utf8))
        try packer.finish()
      } catch { throw SupervisorError(error) }
      return []
    }
  }

  /// Puts what is in the archive that comes over the pipe `number` into a directory.
  func write(_ query: Endpoint.ArchiveQuery, from number: Int32) throws(SupervisorError) -> [UInt8] {
    // Its program is the host's, and started while this process has the host's root.
    let archive = try ArchiveSource(FileDescriptor(owning: number))
    return try inside { (held) throws(SupervisorError) in
      // Links are followed, from the root that this process has.
      let path = ArchivePath(query.path + "/")
      let directory = try open(path)
      var settings = TreeUnpacker.Settings()
      settings.resolve = .noMagicLinks
      settings.keepsKinds = query.keepsKinds
      if query.givesToUser { settings.owner = try owner(held) }
      do throws(LayerError) {
        var reader = TarReader { (buffer) throws(Errno) in try archive.read(into: buffer) }
        try TreeUnpacker(into: directory, held, settings).unpack(&reader)
      } catch {
        try archive.finish()
        throw SupervisorError(error)
      }
      try archive.finish()
      return []
    }
  }

  /// Does `work` with the partition's root directory, in what is otherwise a process of the host's.
  private func inside(
    _ work: (consuming HeldFiles) throws(SupervisorError) -> [UInt8]
  ) throws(SupervisorError) -> [UInt8] {
    let held: HeldFiles
    do throws(Errno) { held = try HeldFiles() } catch { throw SupervisorError("open /proc/self/fd", error) }
    _ = ResourceLimit.raiseOpenFiles()
    switch (definition.content, isRunning) {
    case (.bundle, true):
      try enterRunning()
      return try work(held)
    case (.bundle(let path), false):
      try enter(bundle: path)
      return try work(held)
    case (.partition, true):
      // Were it to end now and start again, its layers would be in two mounts.
      let lock = try attempt { () throws(LayerError) in try PartitionStore(of: store).hold(id) }
      try enterRunning()
      let said = try work(held)
      lock.release()
      return said
    case (.partition(let settings), false):
      let draft = try attempt { () throws(LayerError) in try PartitionStore(of: store).open(id, settings) }
      try enter(bundle: draft.directory)
      let said = try work(held)
      draft.keep()
      return said
    }
  }

  private func enterRunning() throws(SupervisorError) {
    do throws(ContainerError) { try FileTree.enter(try store.container(id)) } catch {
      throw SupervisorError(error)
    }
  }

  private func enter(bundle: String) throws(SupervisorError) {
    do throws(ContainerError) { try FileTree.enter(bundle: bundle) } catch { throw SupervisorError(error) }
  }

  private func attempt<Result: ~Copyable>(
    _ body: () throws(LayerError) -> Result
  ) throws(SupervisorError) -> Result {
    do throws(LayerError) { return try body() } catch { throw SupervisorError(error) }
  }

  // MARK: Inside

  private func open(_ path: ArchivePath) throws(SupervisorError) -> FileDescriptor {
    do throws(Errno) {
      let file = try Self.open(path.path, path.isDirectory ? .path : [.path, .noFollow])
      let kind = try file.status().kind
      guard kind == .directory || !path.isDirectory else {
        throw .invalidArgument
      }
      return file
    } catch .invalidArgument {
      throw SupervisorError(.invalid, "not a directory: \(path.path) in container \(id)")
    } catch .noSuchFileOrDirectory {
      throw SupervisorError(.notFound, "Could not find the file \(path.path) in container \(id)")
    } catch .notDirectory {
      throw SupervisorError(
        .notFound, "Could not find the file \(path.path) in container \(id): a part of it is no directory")
    } catch {
      throw SupervisorError("open \(path.path) in container \(id)", error)
    }
  }

  private static func open(_ path: String, _ flags: OpenFlags) throws(Errno) -> FileDescriptor {
    let root = try FileDescriptor.open("/", [.path, .directory])
    return try FileDescriptor.open(path, flags, resolve: [.inRoot, .noMagicLinks], at: root.rawValue)
  }

  private func status(
    of file: borrowing FileDescriptor, _ path: ArchivePath, _ held: borrowing HeldFiles
  ) throws(SupervisorError) -> PathStatus {
    do throws(Errno) {
      let status = try file.status()
      var target = ""
      if status.kind == .symbolicLink { target = try self.target(of: file, path, held) }
      return PathStatus(
        name: path.name, size: Int64(status.size), mode: status.mode, modified: status.modified,
        linkTarget: target)
    } catch { throw SupervisorError("look at \(path.path) in container \(id)", error) }
  }

  /// Where a link leads to in the end; what it says when there is nothing.
  private func target(
    of link: borrowing FileDescriptor, _ path: ArchivePath, _ held: borrowing HeldFiles
  ) throws(Errno) -> String {
    do throws(Errno) {
      return try held.path(of: try Self.open(path.path, .path))
    } catch {
      return String(decoding: try link.linkTarget(), as: UTF8.self)
    }
  }

  /// Who a partition's program runs as, by its own databases.
  private func owner(
    _ held: borrowing HeldFiles
  ) throws(SupervisorError) -> (user: UInt32, group: UInt32)? {
    guard case .partition(let settings) = definition.content, let name = settings.user else { return nil }
    let accounts = Accounts(passwd: text("/etc/passwd", held), group: text("/etc/group", held))
    let user = try attempt { () throws(LayerError) in try accounts.user(name) }
    return (user.uid, user.gid)
  }

  /// The text of a file of the partition, which may have put anything there.
  private func text(_ path: String, _ held: borrowing HeldFiles) -> String {
    guard let root = try? FileDescriptor.open("/", [.path, .directory]),
      let file = try? held.openRegular(path, resolve: [.inRoot, .noMagicLinks], at: root.rawValue),
      let bytes = try? file.readToEnd(limit: 1 << 20)
    else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What an archive is told after on its way from the process that makes it: the value of a header field, and its length before
/// that, in two bytes.
enum ArchiveHead {
  /// `value` with its length.
  static func bytes(_ value: [UInt8]) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value.count >> 8), UInt8(truncatingIfNeeded: value.count)] + value
  }

  /// The value at the start of `bytes`, and what comes after it; `nil` when it is not whole.
  static func parse(_ bytes: [UInt8]) -> (value: String, rest: ArraySlice<UInt8>)? {
    guard bytes.count >= 2 else { return nil }
    let length = Int(bytes[0]) << 8 | Int(bytes[1])
    guard bytes.count >= 2 + length else { return nil }
    return (String(decoding: bytes[2..<(2 + length)], as: UTF8.self), bytes[(2 + length)...])
  }
}
