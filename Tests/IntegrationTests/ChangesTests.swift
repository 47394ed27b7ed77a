import Foundation
import Testing

/// What a partition has written, as `docker diff` asks for it.
@Suite("Changed files", .enabled(if: Kernel.hasPartitions))
struct ChangesTests {
  private func changes(_ site: SupervisedSandbox, _ short: String) throws -> [String] {
    let answer = try site.ask("GET", "/containers/\(site.name(short))/changes")
    guard answer.status == 200 else { throw Broken("\(answer)") }
    return (answer.json as? [[String: Any]] ?? []).map { change in
      "\(["C", "A", "D"][change["Kind"] as? Int ?? 0]) \(change["Path"] as? String ?? "")"
    }
  }

  @Test("Files that were added, changed and removed are listed, while it runs and afterwards")
  func kinds() throws {
    try withSupervisor { site in
      try makeDirectory(site.box.rootfs + "/srv/data")
      for name in ["kept", "changed", "removed", "data/inner"] {
        try write(name, to: "\(site.box.rootfs)/srv/\(name)")
      }
      let script = """
        cat /srv/kept; cd /srv; echo x >> changed; rm removed; echo x > added
        rm -r data; mkdir data; echo x > data/other; echo done; while :; do sleep 0.05; done
        """
      try site.define("a", script, ["stopTimeout": "0s"])
      try site.waitForOutput("a", "done")
      let wanted = [
        "C /srv", "A /srv/added", "C /srv/changed", "C /srv/data", "D /srv/data/inner", "A /srv/data/other",
        "D /srv/removed",
      ]
      try #expect(changes(site, "a").filter { $0.contains(" /srv") } == wanted)
      try #expect(site.ask("POST", "/containers/\(site.name("a"))/stop").status == 204)
      try #expect(changes(site, "a").filter { $0.contains(" /srv") } == wanted)
    }
  }

  @Test("Of a partition of the running system, what it wrote below /usr is listed, and nothing it was given")
  func host() throws {
    try withSupervisor { site in
      var fields = site.fields("echo x > /usr/\(site.box.id); rm /usr/bin/env; echo done; sleep 1000")
      fields["rootfs"] = nil
      fields["image"] = "host"
      fields["environment"] = ["PATH": "/usr/bin:/bin", "SWIFTJAIL_TEST": site.box.id]
      try site.write(["a": fields])
      try site.waitForOutput("a", "done")
      try #expect(
        changes(site, "a")
          == ["C /usr", "A /usr/\(site.box.id)", "C /usr/bin", "D /usr/bin/env"].sorted {
            $0.dropFirst(2) < $1.dropFirst(2)
          })
    }
  }

  @Test("The bytes that it has written are told to clients that ask for them, and to no others")
  func sizes() throws {
    try withSupervisor { site in
      try site.define(
        "a", "echo 12345678 > /written; echo done; while :; do sleep 0.05; done", ["stopTimeout": "0s"])
      try site.waitForOutput("a", "done")
      let path = "/containers/\(site.name("a"))/json"
      let told = try site.ask("GET", path + "?size=1").document
      let total = try #require(told["SizeRootFs"] as? Int)
      #expect(told["SizeRw"] as? Int == 9 && total > 9)
      try #expect(site.ask("GET", path).document["SizeRw"] == nil)
      for query in ["/containers/json?size=1", "/containers/json?all=1&size=1"] {
        let list = try #require(site.ask("GET", query).json as? [[String: Any]])
        #expect(list.map { $0["SizeRw"] as? Int } == [9] && list.map { $0["SizeRootFs"] as? Int } == [total])
      }
      let plain = try #require(site.ask("GET", "/containers/json").json as? [[String: Any]])
      #expect(plain.count == 1 && plain[0]["SizeRw"] == nil)
      let usage = try site.ask("GET", "/system/df").document
      #expect("\(usage)".contains("SizeRw"), "\(usage)")
    }
  }

  @Test("One that was never started has changed nothing, and of one that is not there nothing is known")
  func none() throws {
    try withSupervisor { site in
      let made = try site.ask(
        "POST", "/containers/create?name=\(site.name("a"))", #"{"Image": "host", "Cmd": ["/bin/true"]}"#)
      try #require(made.status == 201, "\(made)")
      let answer = try site.ask("GET", "/containers/\(site.name("a"))/changes")
      #expect(answer.status == 200 && answer.text == "null", "\(answer)")
      try #expect(site.ask("GET", "/containers/\(site.name("b"))/changes").status == 404)
    }
  }
}
