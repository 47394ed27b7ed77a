import Container
import Definitions
import Layers
import Linux
import OCI

extension APIService {
  /// Answers with the files that a partition has changed.
  func listChanges(of status: PartitionStatus, _ exchange: HTTPExchange) throws(APIError) {
    let name = status.definition.name
    guard case .partition = status.definition.content else {
      throw .notOffered("the list of changed files of a bundle, which has no layer of its own,")
    }
    let store = supervisor.store
    supervisor.inquiries.add { () throws(SupervisorError) in
      try Self.changes(of: name, in: store)
    } done: { [unowned self] result in
      switch result {
      case .success(let bytes): respond(exchange, document: bytes)
      case .failure(let error): respond(exchange, error)
      }
    }
  }

  private static func changes(of name: String, in store: ContainerStore) throws(SupervisorError) -> [UInt8] {
    let id: ContainerID
    do throws(ContainerError) { id = try ContainerID(name) } catch { throw SupervisorError(error) }
    do throws(LayerError) {
      let changes = try PartitionStore(of: store).changes(of: id).map { change in
        (path: change.path, change: ContainerResponse.Change(change.kind))
      }
      return ContainerResponse.changes(changes).bytes()
    } catch {
      throw SupervisorError(.failed, error.description)
    }
  }
}

extension ContainerResponse.Change {
  init(_ kind: LayerChange.Kind) {
    switch kind {
    case .modified: self = .modified
    case .added: self = .added
    case .removed: self = .removed
    }
  }
}
