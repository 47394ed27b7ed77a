import Testing

@testable import Container

@Suite("How much memory there is")
struct MemoryBoundTests {
  @Test("The machine's memory is read from meminfo, in bytes")
  func total() {
    #expect(MemoryBound.total("MemTotal:       2048 kB\nMemFree: 1 kB\n") == 2 << 20)
    #expect(MemoryBound.total("MemFree: 1 kB\n") == nil)
    #expect(MemoryBound.total("") == nil)
  }

  @Test("The least limit of the cgroup and those above it counts, and max is none")
  func limits() {
    let limits = ["/a/b": "max", "/a": "4096", "": "8192"]
    #expect(MemoryBound.bytes(machine: 1 << 30, cgroup: "/a/b") { limits[$0] } == 4096)
    #expect(MemoryBound.bytes(machine: 1 << 30, cgroup: "/") { limits[$0] } == 8192)
    #expect(MemoryBound.bytes(machine: 100, cgroup: "/a/b") { limits[$0] } == 100)
    #expect(MemoryBound.bytes(machine: nil, cgroup: "/x/y") { _ in nil } == nil)
  }
}
