import Definitions
import OCI

/// Functions, which Docker does not know: what runs on request, each time in an instance of its own. The instances are
/// containers like all others.
extension APIService {
  /// `GET /functions`, `GET /functions/NAME`, `POST /functions/NAME/start` and `POST /functions/NAME/claim`.
  func serveFunction(_ request: HTTPRequest, _ exchange: HTTPExchange) throws(APIError) {
    // After the program that is asked for has been started.
    defer { note(request, exchange) }
    let words = request.target.segments.dropFirst()
    switch (request.method, words.first, words.dropFirst().first, words.count) {
    case (.post, let name?, "start"?, 2): try startFunction(name, exchange)
    case (.post, let name?, "claim"?, 2):
      let instance = try attempt { () throws(SupervisorError) in try supervisor.claimInstance(of: name) }
      respond(exchange, .created, Self.document(of: instance))
    case (.get, nil, _, _):
      respond(exchange, .ok, .array(supervisor.functionCounts.map(\.document)))
    case (.get, let name?, _, 1):
      guard let counts = supervisor.functionCounts.first(where: { $0.name == name }) else {
        throw .notFound("there is no function called \(name)")
      }
      respond(exchange, .ok, counts.document)
    default: throw .notFound("page not found")
    }
  }

  private func startFunction(_ name: String, _ exchange: HTTPExchange) throws(APIError) {
    try attempt { () throws(SupervisorError) in
      try supervisor.startInstance(of: name) { [unowned self] instance, error in
        if let error {
          respond(exchange, Self.startError(error))
        } else {
          respond(exchange, .created, Self.document(of: instance))
        }
      }
    }
  }

  private static func document(of instance: Partition) -> JSON {
    .members(["Id": .string(instance.record.id), "Name": .string(instance.name)])
  }
}
