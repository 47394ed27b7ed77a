extension RuntimeConfig.Linux {
  /// Limits of block I/O.
  public struct BlockIO: Equatable, Sendable, JSONRepresentable {
    /// The relative weight, 10 to 1000.
    public var weight: UInt16?
    /// The weight of the cgroup's own tasks against its children, cgroup v1 only.
    public var leafWeight: UInt16?
    /// Weights by device.
    public var weightDevice: [DeviceWeight]
    /// Bytes read a second, by device.
    public var throttleReadBpsDevice: [Throttle]
    /// Bytes written a second, by device.
    public var throttleWriteBpsDevice: [Throttle]
    /// Reads a second, by device.
    public var throttleReadIOPSDevice: [Throttle]
    /// Writes a second, by device.
    public var throttleWriteIOPSDevice: [Throttle]

    /// The limits given, and no other.
    public init(
      weight: UInt16? = nil, leafWeight: UInt16? = nil, weightDevice: [DeviceWeight] = [],
      throttleReadBpsDevice: [Throttle] = [], throttleWriteBpsDevice: [Throttle] = [],
      throttleReadIOPSDevice: [Throttle] = [], throttleWriteIOPSDevice: [Throttle] = []
    ) {
      self.weight = weight
      self.leafWeight = leafWeight
      self.weightDevice = weightDevice
      self.throttleReadBpsDevice = throttleReadBpsDevice
      self.throttleWriteBpsDevice = throttleWriteBpsDevice
      self.throttleReadIOPSDevice = throttleReadIOPSDevice
      self.throttleWriteIOPSDevice = throttleWriteIOPSDevice
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      weight = try object.optional("weight")
      leafWeight = try object.optional("leafWeight")
      weightDevice = try object.optional("weightDevice", or: [])
      throttleReadBpsDevice = try object.optional("throttleReadBpsDevice", or: [])
      throttleWriteBpsDevice = try object.optional("throttleWriteBpsDevice", or: [])
      throttleReadIOPSDevice = try object.optional("throttleReadIOPSDevice", or: [])
      throttleWriteIOPSDevice = try object.optional("throttleWriteIOPSDevice", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("weight", ifPresent: weight)
      object.add("leafWeight", ifPresent: leafWeight)
      object.add("weightDevice", weightDevice, unless: [])
      object.add("throttleReadBpsDevice", throttleReadBpsDevice, unless: [])
      object.add("throttleWriteBpsDevice", throttleWriteBpsDevice, unless: [])
      object.add("throttleReadIOPSDevice", throttleReadIOPSDevice, unless: [])
      object.add("throttleWriteIOPSDevice", throttleWriteIOPSDevice, unless: [])
      return .object(object)
    }
  }

  /// The weight of one block device.
  public struct DeviceWeight: Equatable, Sendable, JSONRepresentable {
    /// The device's major number.
    public var major: UInt32
    /// The device's minor number.
    public var minor: UInt32
    /// The relative weight, 10 to 1000.
    public var weight: UInt16?
    /// As in `BlockIO`.
    public var leafWeight: UInt16?

    /// A weight of that device.
    public init(major: UInt32, minor: UInt32, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
      self.major = major
      self.minor = minor
      self.weight = weight
      self.leafWeight = leafWeight
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      major = try object.required("major")
      minor = try object.required("minor")
      weight = try object.optional("weight")
      leafWeight = try object.optional("leafWeight")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("major", major)
      object.add("minor", minor)
      object.add("weight", ifPresent: weight)
      object.add("leafWeight", ifPresent: leafWeight)
      return .object(object)
    }
  }

  /// A rate of one block device.
  public struct Throttle: Equatable, Sendable, JSONRepresentable {
    /// The device's major number.
    public var major: UInt32
    /// The device's minor number.
    public var minor: UInt32
    /// Bytes or operations a second; 0 is no limit.
    public var rate: UInt64

    /// A rate of that device.
    public init(major: UInt32, minor: UInt32, rate: UInt64 = 0) {
      self.major = major
      self.minor = minor
      self.rate = rate
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      major = try object.required("major")
      minor = try object.required("minor")
      rate = try object.optional("rate", or: 0)
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("major", major)
      object.add("minor", minor)
      object.add("rate", rate)
      return .object(object)
    }
  }

  /// Network class and priorities, cgroup v1 only.
  public struct Network: Equatable, Sendable, JSONRepresentable {
    /// The class that packets are tagged with.
    public var classID: UInt32?
    /// Priorities by interface.
    public var priorities: [InterfacePriority]

    /// The properties given, and no other.
    public init(classID: UInt32? = nil, priorities: [InterfacePriority] = []) {
      self.classID = classID
      self.priorities = priorities
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      classID = try object.optional("classID")
      priorities = try object.optional("priorities", or: [])
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("classID", ifPresent: classID)
      object.add("priorities", priorities, unless: [])
      return .object(object)
    }
  }

  /// The priority of traffic through one interface.
  public struct InterfacePriority: Equatable, Sendable, JSONRepresentable {
    /// The interface.
    public var name: String
    /// The priority.
    public var priority: UInt32

    /// A priority of that interface.
    public init(name: String, priority: UInt32) {
      self.name = name
      self.priority = priority
    }

    /// Reads an object.
    public init(json: JSON) throws(ConfigError) {
      let object = try JSON.Object(json: json)
      name = try object.required("name")
      priority = try object.required("priority")
    }

    /// The value as JSON.
    public var json: JSON {
      var object = JSON.Object()
      object.add("name", name)
      object.add("priority", priority)
      return .object(object)
    }
  }
}
