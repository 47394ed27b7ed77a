@testable import Container
import OCI

/// Any bytes as a config.json: what is read is written and read as the same again, validated without a crash, and planned.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfig(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
  guard let config = try? RuntimeConfig(parsing: bytes) else { return 0 }
  let again = try? RuntimeConfig(parsing: config.json.bytes(.compact))
  precondition(again == config, "written and read as another one")
  do throws(ConfigError) { try config.validate() } catch {
    precondition(!error.description.isEmpty)
    return 0
  }
  // Refusals are one line.
  do throws(ContainerError) { _ = try Plan(config, bundle: "/bundle") } catch {
    precondition(!error.description.isEmpty)
  }
  return 0
}
