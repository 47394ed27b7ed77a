import Container
import Definitions
import Layers
import Linux
import OCI

/// What is left of a record whose definition cannot be read: the partition is seen and can be removed, and is not started.
struct DamagedRecord: Equatable {
  /// The line of the file that says what the partition is, which stays as it is.
  let line: [UInt8]
  /// Why it cannot be read, and what to do.
  let reason: String
}

extension PartitionRecord {
  /// What can be read of `line`, which is no record for `reason`, of the partition `name`; `nil` when none can be called that.
  init?(salvaging line: [UInt8], of name: String, _ reason: String) {
    guard (try? ContainerID(name)) != nil else { return nil }
    let object = (try? JSON(parsing: line)).flatMap { try? JSON.Object(json: $0) } ?? JSON.Object()
    self.init(
      definition: PartitionDefinition(salvaging: object["definition"] ?? .null, called: name),
      source: (try? object.optional("isDefinedByFile", or: false)) == true ? .file : .request,
      id: (try? object.required("id")) ?? GeneratedName.id(),
      created: (try? object.required("created")) ?? Clock.now())
    formerName = try? object.text("formerName")
    function = try? object.text("function")
    damage = DamagedRecord(
      line: line, reason: "its record cannot be read: \(reason): remove it, and make it anew")
  }
}

extension PartitionDefinition {
  /// What can be read of `json`: the definition without those of its fields that are wrong.
  fileprivate init(salvaging json: JSON, called name: String) {
    var object = (try? JSON.Object(json: json)) ?? JSON.Object()
    object["name"] = .string(name)
    while true {
      do throws(ConfigError) {
        self = try PartitionDefinition(json: .object(object))
        return
      } catch {
        let field = String(
          Substring(error.path.utf8.prefix { ![UInt8(ascii: "."), UInt8(ascii: "[")].contains($0) }))
        guard field != "name", object[field] != nil else { break }
        object[field] = nil
      }
    }
    self.init(name: name, content: .partition(PartitionSettings(base: .host)))
  }
}

extension PartitionDefinition {
  /// Throws when the next supervisor could not read it from its record, or no keeper could be told of it.
  func checkRecord() throws(SupervisorError) {
    do throws(ConfigError) {
      _ = try PartitionDefinition(json: json)
      try checkLength()
    } catch {
      throw SupervisorError(.invalid, error.description)
    }
  }
}

extension Supervisor {
  /// Throws when the record of a partition cannot be read, so that nobody knows what it is to be.
  func checkRecord(of partition: Partition) throws(SupervisorError) {
    guard let damage = partition.record.damage else { return }
    throw SupervisorError(.conflict, "\(partition.name): \(damage.reason)")
  }

  /// Gives those partitions their definitions back that files define, and whose records cannot be read.
  func mend(_ definitions: [PartitionDefinition]) {
    for definition in definitions {
      guard let partition = partitions[definition.name], partition.record.damage != nil,
        partition.record.source == .file
      else { continue }
      partition.definition = definition
      save(partition)
      if partition.record.isWanted { startUnasked(partition) }
    }
  }
}
