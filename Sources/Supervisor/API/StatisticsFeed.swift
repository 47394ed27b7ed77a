import Linux

/// Samples once a second what containers use that clients follow: each container once, however many clients it has, and a
/// few containers in one turn of the loop.
final class StatisticsFeed<Sample> {
  /// A client, which gets a document each second until `isOpen` is false.
  struct Client {
    var isOpen: () -> Bool
    var take: ([UInt8]) -> Void
    var end: () -> Void
  }

  /// Where samples come from.
  struct Source {
    /// A sample of the container with that id; `nil` as a whole when that is gone.
    var sample: (_ id: String) -> Sample??
    /// What clients are told of a sample and the one before it, the first time without one.
    var document: (_ id: String, _ now: Sample?, _ previous: Sample?) -> [UInt8]
  }

  private final class Followed {
    var last: Sample?
    var clients: [Int: Client] = [:]
  }

  private let loop: EventLoop
  private let source: Source
  private let interval: Int64
  private var followed: [String: Followed] = [:]
  /// Those that are not sampled yet in this second.
  private var due: [String] = []
  private var timer: EventLoop.Timer?
  private var begun: Int64 = 0
  private var nextClient = 0

  /// The number of containers sampled in one turn of the loop: each sample reads a dozen files.
  static var share: Int { 8 }

  /// - Parameter interval: between two samples of a container, in milliseconds.
  init(_ loop: EventLoop, interval: Int64 = 1000, _ source: Source) {
    self.loop = loop
    self.interval = interval
    self.source = source
  }

  deinit { if let timer { loop.cancel(timer) } }

  /// Gives `client` a document now, and then each second.
  ///
  /// - Returns: what ends that.
  func follow(_ id: String, _ client: Client) -> () -> Void {
    let container: Followed
    if let known = followed[id] {
      container = known
    } else {
      container = Followed()
      container.last = source.sample(id) ?? nil
      followed[id] = container
    }
    client.take(source.document(id, container.last, nil))
    nextClient += 1
    let number = nextClient
    container.clients[number] = client
    if timer == nil { begin(after: interval) }
    return { [weak self] in self?.forget(number, of: id) }
  }

  /// Whether some client follows the container `id`.
  func follows(_ id: String) -> Bool { followed[id] != nil }

  private func forget(_ client: Int, of id: String) {
    guard let container = followed[id], container.clients.removeValue(forKey: client) != nil,
      container.clients.isEmpty
    else { return }
    followed[id] = nil
  }

  private func begin(after milliseconds: Int64) {
    timer = loop.after(milliseconds: milliseconds) { [unowned self] in
      begun = Clock.monotonic()
      due = Array(followed.keys)
      goOn()
    }
  }

  private func goOn() {
    for id in due.suffix(Self.share) { sample(id) }
    due.removeLast(min(Self.share, due.count))
    if !due.isEmpty {
      timer = loop.after(milliseconds: 0) { [unowned self] in goOn() }
    } else if followed.isEmpty {
      timer = nil
    } else {
      begin(after: max(0, interval - (Clock.monotonic() - begun) / 1_000_000))
    }
  }

  private func sample(_ id: String) {
    guard let container = followed[id] else { return }
    guard let now = source.sample(id) else {
      followed[id] = nil
      for client in container.clients.values { client.end() }
      return
    }
    let previous = container.last
    container.last = now
    // A client that does not read misses some.
    let takers = container.clients.values.filter { $0.isOpen() }
    if takers.isEmpty { return }
    let document = source.document(id, now, previous)
    for client in takers { client.take(document) }
  }
}
