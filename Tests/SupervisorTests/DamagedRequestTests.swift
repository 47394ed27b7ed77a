import OCI
import Testing

@testable import Definitions
@testable import Supervisor

/// The same numbers each time (SplitMix64).
private struct Numbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var number = state
    number = (number ^ (number >> 30)) &* 0xbf58_476d_1ce4_e5b9
    number = (number ^ (number >> 27)) &* 0x94d0_49bb_1331_11eb
    return number ^ (number >> 31)
  }
}

@Suite("Requests that are damaged")
struct DamagedRequestTests {
  private static let values: [JSON] = [
    .null, .bool(true), .integer(.min), .integer(.max), .unsigned(.max), .integer(-1), .integer(1),
    .double(1e300), .string(""), .string("x"), .string(":::"), .string("-9223372036854775808"), .array([]),
    .array([.null]), .array([.integer(.min), .integer(.max)]), .array([.string("/a:/b")]), .nothing,
    .members(["x": .integer(.max)]), .members(["Test": .texts(["CMD", ""]), "Interval": .integer(.max)]),
  ]

  /// `json` with another value in some place.
  private func damaged(_ json: JSON, _ numbers: inout Numbers) -> JSON {
    guard case .object(var object) = json, let member = object.members.randomElement(using: &numbers) else {
      return Self.values.randomElement(using: &numbers) ?? .null
    }
    let isInside = Bool.random(using: &numbers)
    object[member.key] =
      isInside ? damaged(member.value, &numbers) : Self.values.randomElement(using: &numbers) ?? .null
    return .object(object)
  }

  @Test(
    "Whatever a body says, it is understood or refused with a sentence",
    arguments: [
      "docker-28.2-create-full", "python-7.2-create-full", "docker-20.10-update", "docker-28.2-exec",
    ])
  func bodies(name: String) throws {
    var numbers = Numbers(state: 1)
    let body = try recorded(name)
    var refused = 0
    for _ in 0..<400 {
      var json = body
      for _ in 0..<Int.random(in: 1...3, using: &numbers) { json = damaged(json, &numbers) }
      do throws(APIError) {
        let request = try CreateRequest(json, name: nil, initProgram: "/i")
        let status = PartitionStatus(request.definition(named: "x"), id: "a", created: 0)
        #expect(!ContainerDocument(status).inspection.bytes().isEmpty)
      } catch {
        refused += 1
        #expect(!error.message.isEmpty && !error.message.contains("\n"))
      }
      _ = try? ExecRequest(json)
      if let update = try? UpdateRequest(json) {
        _ = try? update.applied(to: PartitionDefinition(name: "x", content: .bundle("/b")))
      }
    }
    #expect(refused > 20)
  }

  @Test("Whatever a target says, it is understood or refused")
  func targets() {
    var numbers = Numbers(state: 2)
    let parts = [
      "/", "v1.41", "v99999999999999999999.1", "containers", "x", "json", "logs", "events", "stop", "?", "&",
      "since=", "until=", "t=", "filters=", "limit=", "stdout=1", "-9223372036854775808",
      "9223372036854775807",
      "9999-12-31T23:59:59Z", "1.999999999", "999999999999h", "%7B%22until%22%3A%5B%2299h%22%5D%7D", "%",
      "%f",
      "prune", "h=", "w=", "\u{e9}", "=",
    ]
    for _ in 0..<2000 {
      let target = (0..<Int.random(in: 1...9, using: &numbers)).map { _ in
        parts.randomElement(using: &numbers) ?? ""
      }.joined(separator: Bool.random(using: &numbers) ? "" : "/")
      let method = ["GET", "POST", "DELETE"].randomElement(using: &numbers) ?? ""
      do throws(APIError) {
        _ = try Endpoint(method: method, target: target, now: 1_700_000_000_000_000_000)
      } catch { #expect([400, 404, 501].contains(error.status)) }
    }
  }

  @Test("A time that nanoseconds cannot count is the first or last that they can")
  func times() throws {
    let last = Int64.max / 1_000_000_000
    #expect(APITime.point("\(last)", now: 0) == last * 1_000_000_000)
    #expect(APITime.point("\(-last)", now: 0) == -last * 1_000_000_000)
    #expect(APITime.point("9999999999", now: 0) == .max)
    for text in [
      "\(last + 1)", "9223372036854775807", "99999999999999999999", "\(last).999999999", "9999-12-31",
      "9999-12-31T23:59:60.999999999-23:59",
    ] {
      #expect(APITime.point(text, now: 0) == .max, "\(text)")
      let query = try EventQuery(try Query("since=0&until=\(text)"), now: 1_700_000_000_000_000_000)
      #expect(query.spans(.max - 1), "\(text)")
    }
    for text in [
      "\(-last - 1)", "-9223372036854775808", "-99999999999999999999", "0000-01-01", "0000-01-01T00:00Z",
    ] {
      #expect(APITime.point(text, now: 0) == .min, "\(text)")
      let query = try EventQuery(try Query("since=\(text)"), now: 1_700_000_000_000_000_000)
      #expect(query.spans(.min + 1), "\(text)")
    }
    for text in ["99999999h", "1.9999999999", "-", "+", "--1"] {
      #expect(APITime.point(text, now: 0) == nil, "\(text)")
    }
  }

  @Test("A timer may be set for any number of milliseconds")
  func timers() throws {
    let loop = try EventLoop()
    for milliseconds in [Int64.min, -1, Int64.max] { loop.cancel(loop.after(milliseconds: milliseconds) {}) }
    #expect(loop.timerCount > 0)
  }

  @Test("More elements than anybody needs are refused")
  func many() {
    let binds = JSON.texts((0..<2000).map { "/a:/b\($0)" })
    let body = JSON.members(["Image": .string("host"), "HostConfig": .members(["Binds": binds])])
    let error = #expect(throws: APIError.self) { try CreateRequest(body, name: nil, initProgram: "/i") }
    #expect(error?.message == "HostConfig.Binds: has 2000 elements; 1024 are the most")
  }
}
