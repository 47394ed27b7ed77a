/// Where a connection is between requests and answers.
enum HTTPConnectionPhase: Equatable {
  /// Between requests, or in one.
  case receiving
  /// The handler has a request, and maybe gives the answer already.
  case answering(HTTPAnswer)
  /// What waits to be sent is sent, and then the connection is closed.
  case finishing(draining: Bool)
  /// All is sent. What the client is still sending is read first, lest it misses the answer.
  case draining
  case closed

  /// The answer that is not at its end yet.
  var answer: HTTPAnswer? {
    if case .answering(let answer) = self { answer } else { nil }
  }
}
