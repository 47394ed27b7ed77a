import Foundation
import Testing

@Suite("Hooks of supervised bundles")
struct SupervisorHookTests {
  @Test("A supervised bundle runs its hooks at its start and at its end, and one that fails is the error")
  func supervised() throws {
    let supervised = try SupervisedSandbox()
    defer { supervised.remove() }
    let box = supervised.box
    let log = box.scratch.path + "/log"
    func hook(_ script: String) -> [[String: Any]] { [["path": "/bin/sh", "args": ["sh", "-c", script]]] }
    for kind in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
      box.config["hooks.\(kind)"] = hook("echo \(kind) >> \(log)")
    }
    box.config["process.args"] = ["sleep", "1000"]
    try box.writeConfig()
    try supervised.write(["hooked": ["bundle": box.bundle]])
    try supervised.launch()
    let before = "prestart createRuntime createContainer poststart"
    #expect(poll { contents(log)?.lines.joined(separator: " ") == before }, "\(contents(log) ?? "")")
    try box.succeed("rm", "--force", supervised.name("hooked"))
    #expect(
      poll { contents(log)?.lines.joined(separator: " ") == before + " poststop" }, "\(contents(log) ?? "")")

    box.config["hooks"] = ["createRuntime": hook("echo a reason >&2; exit 3")]
    try box.writeConfig()
    try supervised.write(["bad": ["bundle": box.bundle]])
    try supervised.waitForMessage("hooks.createRuntime[0]: /bin/sh: exit status 3: a reason")
  }
}
