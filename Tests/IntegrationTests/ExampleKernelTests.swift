import Testing

extension ExampleTests {
  @Test("The example of limits shows all of them", .needs(.cpu, .memory, .pids))
  func limits() throws { try example("limits.sh") }
}
