import Linux

/// An archive that comes over a pipe, and passes through the host's own program for it when it is compressed.
final class ArchiveSource {
  private struct Decompression: ~Copyable {
    let compression: Compression
    let program: Subprocess.Running
  }

  private enum Content: ~Copyable {
    case plain(FileDescriptor)
    case compressed(Decompression)
  }

  private let content: Content

  /// - Throws: `SupervisorError` of the kind `.invalid` when it is compressed, and the host has no program for that.
  init(_ pipe: consuming FileDescriptor) throws(SupervisorError) {
    let compression: Compression?
    do throws(Errno) { compression = Compression(of: try pipe.peek(Compression.headLength)) } catch {
      throw SupervisorError("look at the archive", error)
    }
    guard let compression else {
      content = .plain(pipe)
      return
    }
    let name = compression.rawValue
    guard let program = Subprocess(named: name) else {
      throw SupervisorError(
        .invalid,
        "the archive is compressed by \(name), which this machine does not have: send it uncompressed")
    }
    do throws(Errno) {
      let running = try program.start(["-dc"], reading: pipe)
      content = .compressed(Decompression(compression: compression, program: running))
    } catch {
      throw SupervisorError("start \(program.path)", error)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    switch content {
    case .plain(let pipe): try pipe.read(into: buffer)
    case .compressed(let content): try content.program.output.read(into: buffer)
    }
  }

  /// Takes what is behind the archive's end, and hears how its program has ended.
  ///
  /// - Throws: `SupervisorError` of the kind `.invalid` when that found fault with it.
  func finish() throws(SupervisorError) {
    switch content {
    case .plain: return
    case .compressed(let content):
      let status: ExitStatus
      do throws(Errno) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while try buffer.withUnsafeMutableBufferPointer({ (buffer) throws(Errno) in
          try content.program.output.read(into: UnsafeMutableRawBufferPointer(buffer))
        }) > 0 {}
        status = try content.program.process.wait()
      } catch { throw SupervisorError("read the archive to its end", error) }
      guard status == .exited(0) else {
        throw SupervisorError(
          .invalid, "the archive is damaged: \(content.compression.rawValue) cannot decompress it")
      }
    }
  }
}
