@testable import Container
import Linux

/// Any text as a mount's list of options.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMountOptions(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  let list = MountOptions.split(text)
  let options = MountOptions(list)
  // An attribute is set or cleared. The access time is a field with values: it is cleared before it is set.
  precondition(options.set.subtracting(.accessTime).isDisjoint(with: options.clear))
  precondition(options.recursiveSet.subtracting(.accessTime).isDisjoint(with: options.recursiveClear))
  precondition(options.superblockSet.isDisjoint(with: options.superblockClear))
  precondition(MountAttributes.all.isSuperset(of: options.clear))
  // An option counts once: a list and its double mean the same, but for what is for the file system itself.
  let twice = MountOptions(list + list)
  precondition(twice.set == options.set && twice.bind == options.bind && twice.copyUp == options.copyUp)
  precondition(twice.superblockSet == options.superblockSet && twice.idMap == options.idMap)
  precondition(twice.data.count == 2 * options.data.count)
  // Each option that is for the file system itself is read from its own text as the same one.
  for data in options.data where !data.text.utf8.contains(UInt8(ascii: "\"")) {
    precondition(MountOptions([data.text]).data == [data])
  }
  return 0
}
