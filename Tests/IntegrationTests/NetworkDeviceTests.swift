import Foundation
import Testing

/// Network devices that are moved into containers. Everything is done in a network namespace of the test's own.
@Suite("Network devices")
struct NetworkDeviceTests {
  static let isAvailable = exists("/usr/sbin/ip") || exists("/sbin/ip")

  /// Runs `swiftjail run` in a new network namespace after the commands of `before`, and the commands of `after` behind it;
  /// `$INNER` is a second namespace, kept by a process, that a container can join.
  func run(_ box: Sandbox, before: String, after: String = "true") throws -> Outcome {
    var program = try box.prepare("run")
    program.arguments =
      [
        "-n", "sh", "-c",
        """
        set -e
        \(before)
        set +e
        "$0" "$@"; status=$?
        \(after)
        exit $status
        """, program.path,
      ] + program.arguments
    program.path = "unshare"
    return try program.call()
  }

  static let veth =
    "ip link add eth7 mtu 1400 address 02:11:22:33:44:55 type veth peer name peer; ip link set peer up"

  @Test(
    "A device is moved, keeps its MTU, hardware address and permanent addresses, and is up",
    .enabled(if: isAvailable), arguments: ["eth7", "inner0"], [false, true])
  func move(name: String, hasUsers: Bool) throws {
    try withSandbox { box in
      if hasUsers { box.config.mapUsers() }
      box.config["linux.netDevices"] = ["eth7": name == "eth7" ? [:] : ["name": name]]
      box.config.shell("ip -o address show \(name); ip -o link show \(name)")
      let outcome = try run(
        box,
        before: Self.veth
          + """
          ; ip address add 10.9.8.7/24 broadcast 10.9.8.255 dev eth7
          ip address add 10.9.8.6 peer 10.9.8.5/32 dev eth7
          ip address add 169.254.3.4/16 scope link dev eth7
          ip address add 10.7.7.7/24 valid_lft 1000 preferred_lft 1000 dev eth7
          ip -6 address add fd00::9/64 nodad dev eth7
          ip link set eth7 up
          """,
        after: "ip -o link show eth7 2> /dev/null && echo still")
      #expect(outcome.status == 0 && !outcome.text.contains("still"), "\(outcome)")
      for part in [
        "10.9.8.7/24", "10.9.8.255", "10.9.8.6", "10.9.8.5", "mtu 1400", "02:11:22:33:44:55", ",UP",
      ] {
        #expect(outcome.text.contains(part), "\(part): \(outcome)")
      }
      #expect(
        outcome.text.contains("fd00::9/64") || !exists("/proc/sys/net/ipv6"), "\(outcome)")
      #expect(!outcome.text.contains("169.254.3.4") && !outcome.text.contains("10.7.7.7"), "\(outcome)")
    }
  }

  @Test("What is sent through it arrives", .enabled(if: isAvailable))
  func traffic() throws {
    try withSandbox { box in
      box.config["linux.netDevices"] = ["eth7": ["name": "inner0"]]
      box.config.shell("ip route; nc -w 5 10.9.8.1 5000 < /dev/null")
      let outcome = try run(
        box,
        before: Self.veth
          + """
          ; ip address add 10.9.8.7/24 dev eth7; ip address add 10.9.8.1/24 dev peer
          (echo hello | timeout 20 busybox nc -l -p 5000) &
          timeout 20 sh -c "until grep -q ':1388' /proc/net/tcp /proc/net/tcp6; do sleep 0.02; done"
          """)
      #expect(outcome.lines.last == "hello", "\(outcome)")
    }
  }

  @Test(
    "A device is moved also when another process creates the container's first one",
    .enabled(if: isAvailable && Kernel.hasTimeNamespaces))
  func processAhead() throws {
    try withSandbox { box in
      box.config["linux.netDevices"] = ["eth7": ["name": "inner0"]]
      box.config.enter("time")
      box.config.shell("ip -o link show inner0")
      let outcome = try run(box, before: Self.veth)
      #expect(outcome.text.contains("mtu 1400"), "\(outcome)")
    }
  }

  @Test("What the kernel says of a device that it does not move is in the error", .enabled(if: isAvailable))
  func immovable() throws {
    try withSandbox { box in
      box.config["linux.netDevices"] = ["bridge7": [:]]
      let outcome = try run(
        box, before: "ip link add bridge7 type bridge",
        after: "ip -o link show bridge7 > /dev/null && echo still")
      expectRefusal(outcome, saying: "linux.netDevices.bridge7: move it", "Invalid argument: The interface")
      #expect(outcome.text == "still", "\(outcome)")
    }
  }

  @Test("%d in the new name becomes a number that is free", .enabled(if: isAvailable))
  func template() throws {
    try withSandbox { box in
      box.config["linux.netDevices"] = ["one": ["name": "net%d"], "two": ["name": "net%d"]]
      box.config.shell("ls /sys/class/net")
      let outcome = try run(box, before: "ip link add one type veth peer name two")
      #expect(Set(outcome.lines).isSuperset(of: ["net0", "net1"]), "\(outcome)")
      #expect(!outcome.lines.contains("one"))
    }
  }

  @Test(
    "In a namespace that is joined the device stays when the container is gone", .enabled(if: isAvailable))
  func joined() throws {
    try withSandbox { box in
      let namespace = box.scratch.path + "/net"
      try write("", to: namespace)
      box.config.enter("network", path: namespace)
      box.config["linux.netDevices"] = ["eth7": ["name": "inner0"]]
      box.config.shell("ip -o link show inner0")
      let outcome = try run(
        box, before: Self.veth + "; unshare --net=\(namespace) ip link add taken type bridge",
        after: "nsenter --net=\(namespace) ip -o link show inner0 | grep -c inner0; umount \(namespace)")
      #expect(outcome.lines.count == 2 && outcome.lines.last == "1", "\(outcome)")
      box.config["linux.netDevices"] = ["eth7": ["name": "taken"]]
      let refused = try run(
        box, before: Self.veth + "; unshare --net=\(namespace) ip link add taken type bridge",
        after: "ip -o link show eth7 > /dev/null && echo still; umount \(namespace)")
      expectRefusal(refused, saying: "linux.netDevices.eth7.name", "taken")
      #expect(refused.text == "still", "\(refused)")
    }
  }

  @Test(
    "What cannot be moved is refused, and nothing is moved", .enabled(if: isAvailable),
    arguments: [
      (["missing": [:]], "linux.netDevices.missing: there is no such device"),
      (["lo": [:]], "linux.netDevices.lo: the loopback device"),
      (["eth7": ["name": "lo"]], "linux.netDevices.eth7.name: the container has a device of the name lo"),
      (["eth7": ["name": "same"], "peer": ["name": "same"]], "another interface gets the same name"),
      (["eth7": ["name": "a%s"]], "one %d"),
      (["eth7": ["name": "far/away"]], "cannot name a network interface"),
    ] as [([String: [String: String]], String)])
  func refused(devices: [String: [String: String]], reason: String) throws {
    try withSandbox { box in
      box.config["linux.netDevices"] = devices
      let outcome = try run(
        box, before: Self.veth, after: "ip -o link show eth7 > /dev/null && echo still")
      expectRefusal(outcome, saying: reason)
      #expect(outcome.text == "still", "\(outcome)")
    }
  }

  @Test(
    "The caller's own network namespace gets no device, whether it is named or not", .enabled(if: isAvailable)
  )
  func own() throws {
    try withSandbox { box in
      box.config["linux.netDevices"] = ["eth7": ["name": "eth8"]]
      box.config.enter("network", path: "/proc/self/ns/net")
      expectRefusal(
        try run(box, before: Self.veth, after: "ip -o link show eth7 > /dev/null && echo still"),
        saying: "linux.netDevices", "caller's own")
      box.config.leave("network")
      expectRefusal(try run(box, before: Self.veth), saying: "linux.netDevices", "needs a network namespace")
    }
  }
}
