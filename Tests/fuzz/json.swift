import OCI

/// Any bytes as a JSON text: what is read is written in both ways, and read as the same again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
  let json: JSON
  do throws(JSONError) { json = try JSON(parsing: bytes) } catch {
    precondition(error.line >= 1 && error.column >= 1 && !error.message.isEmpty)
    return 0
  }
  let compact = try? JSON(parsing: json.bytes(.compact))
  let indented = try? JSON(parsing: json.bytes(.tabs))
  precondition(compact == json && indented == json, "written and read as another value")
  return 0
}
