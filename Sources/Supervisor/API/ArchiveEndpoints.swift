import Definitions
import Linux

extension APIService {
  /// Which requests have a body of any length.
  static func hasStreamedBody(_ method: HTTPMethod, _ target: HTTPTarget) -> Bool {
    method == .put && target.segments.last == "archive"
  }

  /// Answers about archives of what is in partitions.
  func serveArchive(_ endpoint: Endpoint, _ exchange: HTTPExchange) throws(APIError) {
    switch endpoint {
    case .archiveStatus(let reference, let path):
      try answerStatus(of: ArchivePath(path), in: try find(reference).definition.name, exchange)
    case .readArchive(let reference, let path):
      try sendArchive(of: ArchivePath(path), in: try find(reference).definition.name, exchange)
    case .writeArchive(let reference, let query):
      try receiveArchive(query, in: try find(reference).definition.name, exchange)
    default: throw .notFound("page not found")
    }
  }

  private static func archiveHeaders(_ status: String) -> HTTPHeaders {
    var headers = Self.headers
    headers.add(PathStatus.headerName, status)
    return headers
  }

  private func answerStatus(
    of path: ArchivePath, in name: String, _ exchange: HTTPExchange
  ) throws(APIError) {
    let errand = try attempt { () throws(SupervisorError) in
      try supervisor.findStatus(of: path, in: name) { [unowned self] result in
        switch result {
        case .success(let status):
          count(.ok)
          let headers = Self.archiveHeaders(String(decoding: status, as: UTF8.self))
          exchange.respond(HTTPResponse(.ok, headers: headers))
        case .failure(let error): respond(exchange, error)
        }
      }
    }
    exchange.whenClosed { errand.end() }
  }

  // MARK: Out of a partition

  private func sendArchive(
    of path: ArchivePath, in name: String, _ exchange: HTTPExchange
  ) throws(APIError) {
    let pipe = try pipe()
    let download = ArchiveDownload { [unowned self] status in
      count(.ok)
      var headers = Self.archiveHeaders(status)
      headers.add("Content-Type", "application/x-tar")
      return exchange.startStream(.ok, headers: headers)
    } fail: { [unowned self] error, isStarted in
      // The client sees no more than that the archive is cut off.
      if isStarted { log("\(name): copy \(path.path): \(error)") } else { respond(exchange, error) }
    }
    let errand = try attempt { () throws(SupervisorError) in
      try supervisor.readArchive(of: path, in: name, to: pipe.write) { download.workEnded($0) }
    }
    exchange.whenClosed {
      errand.end()
      download.stop()
    }
    do throws(Errno) { try download.take(pipe.read, loop) } catch {
      errand.end()
      throw APIError(status: 500, "read the archive: \(error)")
    }
  }

  // MARK: Into a partition

  private func receiveArchive(
    _ query: Endpoint.ArchiveQuery, in name: String, _ exchange: HTTPExchange
  ) throws(APIError) {
    let pipe = try pipe()
    let errand = try attempt { () throws(SupervisorError) in
      try supervisor.writeArchive(query, in: name, from: pipe.read) { [unowned self] result in
        switch result {
        case .success: respond(exchange, .ok)
        case .failure(let error): respond(exchange, error)
        }
      }
    }
    let number = pipe.write.release()
    let input = InputPipe(loop, open: { FileDescriptor(owning: number) }, end: {})
    exchange.onBytes { bytes in
      input.write(bytes)
      if input.isFull { exchange.pauseReading() }
    }
    input.whenEmpty = { [unowned exchange] in exchange.resumeReading() }
    exchange.onReadEnd { input.end() }
    // First, lest it takes the end of what comes for the archive's.
    exchange.whenClosed { errand.end() }
  }

  private func pipe() throws(APIError) -> Pipe {
    do throws(Errno) { return try FileDescriptor.pipe() } catch {
      throw APIError(status: 500, "make a pipe for the archive: \(error)")
    }
  }
}

/// An archive on its way from the process that makes it to the client.
final class ArchiveDownload {
  private let start: (String) -> HTTPStream
  private let fail: (SupervisorError, Bool) -> Void
  private var reader: OutputReader?
  private var head: [UInt8] = []
  private var stream: HTTPStream?
  private var result: Result<[UInt8], SupervisorError>?
  private var isWanted = true

  /// - Parameters:
  ///   - start: starts the answer, once what it is about is known.
  ///   - fail: tells why there is no archive, or none to its end when the answer was started.
  init(start: @escaping (String) -> HTTPStream, fail: @escaping (SupervisorError, Bool) -> Void) {
    self.start = start
    self.fail = fail
  }

  /// Passes on what comes from `source`.
  func take(_ source: consuming FileDescriptor, _ loop: EventLoop) throws(Errno) {
    reader = try OutputReader(source, loop) { [unowned self] in pass($0) }
    reader?.onEnd = { [unowned self] in
      reader = nil
      finish()
    }
  }

  private func pass(_ bytes: [UInt8]) {
    if stream == nil {
      head += bytes
      guard let (status, rest) = ArchiveHead.parse(head) else { return }
      let stream = start(status)
      self.stream = stream
      head = []
      stream.write(Array(rest))
    } else {
      stream?.write(bytes)
    }
    guard let stream, !stream.isWritable else { return }
    reader?.pause()
    stream.whenWritable { [weak self] in self?.reader?.resume() }
  }

  /// That the process has ended.
  func workEnded(_ result: Result<[UInt8], SupervisorError>) {
    self.result = result
    finish()
  }

  /// Nobody wants it any more.
  func stop() {
    isWanted = false
    reader = nil
    stream = nil
  }

  /// Ends the answer when all of it was passed on.
  private func finish() {
    guard isWanted, reader == nil, let result else { return }
    switch result {
    case .success: stream?.end()
    // One that is not ended is broken off, so that nobody takes it for whole.
    case .failure(let error): fail(error, stream != nil)
    }
    stream = nil
  }
}
