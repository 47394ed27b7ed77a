// swift-tools-version: 6.1

import PackageDescription

// A static executable starts in a third of the time of a dynamic one and in a third of its memory; a container's
// first process is a copy of it, so every container pays for what is linked here. The order file keeps the functions
// that run together in the same pages (see Tests/bench/link-order), and functions of the same code are one.
let standalone: [LinkerSetting] = [
  .unsafeFlags([
    "-static-executable", "-use-ld=lld", "-Xlinker", "--gc-sections", "-Xlinker", "--icf=all",
    "-Xlinker", "-s", "-Xlinker",
    "--symbol-ordering-file=\(Context.packageDirectory)/Sources/swiftjail/link-order.txt", "-Xlinker",
    "--no-warn-symbol-ordering",
  ])
]

// Nothing here uses regular expressions, which every module would link: a seventh of the program.
let lean: [SwiftSetting] = [
  .unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])
]

let package = Package(
  name: "swiftjail",
  targets: [
    .target(name: "CLinux"),
    .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: lean),
    .target(name: "OCI", swiftSettings: lean),
    .target(name: "Container", dependencies: ["Linux", "OCI"], swiftSettings: lean),
    .target(name: "Layers", dependencies: ["Linux", "OCI", "Container"], swiftSettings: lean),
    .target(
      name: "Definitions", dependencies: ["Linux", "OCI", "Container", "Layers"], swiftSettings: lean),
    .target(
      name: "Supervisor", dependencies: ["Linux", "OCI", "Container", "Layers", "Definitions"],
      swiftSettings: lean),
    .executableTarget(
      name: "swiftjail", dependencies: ["Linux", "OCI", "Container", "Layers", "Definitions"],
      exclude: ["link-order.txt"],
      swiftSettings: lean,
      linkerSettings: standalone),
    .executableTarget(
      name: "swiftjaild", dependencies: ["Linux", "Container", "Layers", "Definitions", "Supervisor"],
      swiftSettings: lean,
      linkerSettings: standalone),

    .testTarget(name: "LinuxTests", dependencies: ["Linux"]),
    .testTarget(name: "OCITests", dependencies: ["OCI"]),
    .testTarget(name: "ContainerTests", dependencies: ["Container"]),
    .testTarget(name: "LayersTests", dependencies: ["Layers"], exclude: ["Recorded"]),
    .testTarget(name: "SupervisorTests", dependencies: ["Definitions", "Supervisor"], exclude: ["Recorded"]),
    .testTarget(name: "IntegrationTests"),
  ],
  swiftLanguageModes: [.v6]
)
