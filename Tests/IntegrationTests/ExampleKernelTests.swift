import Testing

extension ExampleTests {
  @Test("The example of limits shows all of them", .needs(.cpu, .memory, .pids))
  func limits() throws { try example("limits.sh") }

  @Test("The example of a CI job has its limits", .needs(.memory, .pids))
  func job() throws { try example("ci/job") }
}
