import Testing

@testable import OCI

@Suite("State, features and the default config")
struct DocumentTests {
  @Test("A state is written as hooks expect it, and read again")
  func state() throws {
    let state = State(
      ociVersion: "1.2.1", id: "web", status: .running, pid: 4422, bundle: "/b", annotations: ["k": "v"])
    #expect(
      state.json.text()
        == #"{"ociVersion":"1.2.1","id":"web","status":"running","pid":4422,"bundle":"/b","#
        + #""annotations":{"k":"v"}}"#
    )
    #expect(try State(json: state.json) == state)
    #expect(throws: ConfigError(path: "id", reason: "is required")) {
      try State(parsing: Array(#"{"ociVersion":"1.0.0","status":"running","bundle":"/b"}"#.utf8))
    }
  }

  @Test("Features say what is known and nothing of what is not")
  func features() {
    #expect(
      Features(ociVersionMax: "1.2.1").json.text() == #"{"ociVersionMin":"1.0.0","ociVersionMax":"1.2.1"}"#)
    let features = Features(
      ociVersionMax: "1.2.1", hooks: [],
      linux: .init(
        namespaces: [.pid], cgroup: .init(v2: true), seccomp: .init(enabled: false), idmappedMounts: true))
    #expect(
      features.json.text()
        == #"{"ociVersionMin":"1.0.0","ociVersionMax":"1.2.1","hooks":[],"linux":{"namespaces":["pid"],"#
        + #""cgroup":{"v1":false,"v2":true,"systemd":false,"systemdUser":false,"rdma":false},"#
        + #""seccomp":{"enabled":false},"mountExtensions":{"idmap":{"enabled":true}}}}"#)
  }

  @Test("The default config is written as runc spec writes it")
  func defaultConfig() {
    let text = RuntimeConfig.default.json.text(.tabs)
    #expect(
      text.hasPrefix(
        """
        {
        \t"ociVersion": "1.0.2",
        \t"process": {
        \t\t"terminal": true,
        \t\t"user": {
        \t\t\t"uid": 0,
        \t\t\t"gid": 0
        \t\t},
        \t\t"args": [
        \t\t\t"sh"
        \t\t],
        """))
  }
}
