import Foundation
import Linux
import Testing

@testable import Layers

@Suite("Sizes of files")
struct FileSizesTests {
  @Test("Each file is counted once, whatever names it has, and what a link leads to is not")
  func counted() throws {
    let directory = FileManager.default.temporaryDirectory.path + "/swiftjail-\(UUID().uuidString)"
    try Directory.makeAll("\(directory)/tree/below/deep")
    try Directory.makeAll("\(directory)/other")
    defer { try? Directory.removeTree(directory) }
    try File.replace("\(directory)/tree/a", with: [UInt8](repeating: 1, count: 1000))
    try File.replace("\(directory)/tree/below/deep/b", with: [UInt8](repeating: 1, count: 20))
    try File.replace("\(directory)/other/c", with: [UInt8](repeating: 1, count: 300))
    try FileManager.default.linkItem(
      atPath: "\(directory)/tree/a", toPath: "\(directory)/tree/below/again")
    try File.makeSymbolicLink("\(directory)/tree/below/out", to: "../../other")
    var sizes = FileSizes()
    sizes.add("\(directory)/tree")
    #expect(sizes.bytes == 1000 + 20 + Int64("../../other".utf8.count))
    sizes.add("\(directory)/other")
    sizes.add("\(directory)/missing")
    #expect(sizes.bytes == 1000 + 20 + Int64("../../other".utf8.count) + 300)
  }
}
