import Foundation
import Testing

/// What a test needs beyond what every host has. A test with needs is in a file that the test kernel runs (see Kernel.swift).
struct Need: Sendable {
  /// For the reason of a test that is skipped.
  let name: String
  let isMet: Bool

  /// A cgroup v2 controller that the cgroups of containers can have.
  static func controller(_ name: String) -> Need {
    Need(name: "the cgroup v2 controller \(name)", isMet: Kernel.has(name))
  }

  static let cpu = controller("cpu")
  static let cpuset = controller("cpuset")
  static let io = controller("io")
  static let memory = controller("memory")
  static let pids = controller("pids")
  /// Hard limits can be raised.
  static let sysResource = Need(name: "CAP_SYS_RESOURCE", isMet: Kernel.raisesLimits)
  static let systemd = Need(name: "systemd as process 1", isMet: Kernel.hasSystemd)
  /// The test starts what must not run on a host, such as an engine, or tests the test kernel itself.
  static let testKernel = Need(name: "the test kernel", isMet: Kernel.isTestKernel)
}

extension Trait where Self == ConditionTrait {
  /// Skips the test, with the reason, where a need is not met. Fails it if the test kernel would not run it either,
  /// because of the name of its file.
  static func needs(_ needs: Need..., sourceLocation: SourceLocation = #_sourceLocation) -> Self {
    let missing = needs.filter { !$0.isMet }.map(\.name)
    let reason: Comment = "needs \(missing.joined(separator: " and ")), as make test-vm has"
    return .enabled(reason, sourceLocation: sourceLocation) {
      let file = sourceLocation.fileName
      guard file.hasSuffix("KernelTests.swift") || file.hasSuffix("SystemdTests.swift") else {
        throw Broken(
          "a test with needs is in a file called …KernelTests.swift or …SystemdTests.swift: see Kernel.swift")
      }
      return missing.isEmpty
    }
  }
}
