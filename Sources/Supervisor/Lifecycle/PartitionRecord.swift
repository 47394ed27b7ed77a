import Definitions
import Linux
import OCI

/// What is kept of a partition on disk, for the next supervisor.
struct PartitionRecord: Equatable {
  /// Who defined a partition.
  enum Source: Equatable {
    /// A file of the directory of definitions.
    case file
    /// A request.
    case request
  }

  var definition: PartitionDefinition
  /// What the request for it has said beside that.
  var notes = RequestNotes()
  /// Why that is not what its file says; `nil` when it is.
  var damage: DamagedRecord?
  var source: Source
  /// Whether nothing else says what it is to be, so that it must not be lost with the machine's power.
  var isOnlyHere: Bool { source == .request }
  var id: String
  /// The name that it had while its files are not all under the one that it has.
  var formerName: String?
  var created: Int64
  /// Whether it is to run: it was started, and nobody stopped it, and its policy has not given it up.
  var isWanted = false
  /// Whether somebody stopped it.
  var wasStopped = false
  /// Whether it is being removed: some of its files may be gone already.
  var isBeingRemoved = false
  /// Whether it is stopped only to be started with another definition.
  var isRenewing = false
  /// Whether it may run with other limits than its definition says.
  var isBehind = false
  var started: Int64?
  var finished: Int64?
  var exitStatus: Int32?
  var wasOutOfMemory = false
  var restarts = 0
  var failuresInARow = 0
  /// Whether it has ended so often in a row that it is not started again.
  var isCrashLooping = false
  /// What its health checks said last, since it was started; `nil` without one.
  var health: PartitionStatus.Health?
  var isPaused = false
  /// Whether its processes are being stopped, to be paused.
  var isPausing = false
  /// Whether limits in its cgroup may be others than its definition says.
  var followsLoad = false
  /// The keeper's number of the last end that is noted here; 0 for none in this boot.
  var lastEnd: UInt64 = 0
  /// In which boot of the machine that number counts.
  var boot = ""
  var error: String?
  /// The function that it is an instance of.
  var function: String?
  /// Whether somebody has asked for this instance and is going to start it.
  var isClaimed = false

  /// Whether it could not be started, or not be kept running, and nobody has stopped it.
  var hasFailed: Bool {
    !wasStopped && !isWanted && (isCrashLooping || (error != nil && exitStatus == Supervisor.startFailure))
  }

  /// Whether it is known that what was started last has ended.
  var isOver: Bool { finished.map { $0 >= started ?? 0 } ?? (started == nil) }
}

extension PartitionDefinition: JSONRepresentable {
  /// Reads what `json` wrote.
  public init(json: JSON) throws(ConfigError) {
    try self.init(json: json, in: Surroundings(directory: "/", initProgram: Supervisor.initProgram))
  }
}

extension PartitionRecord: JSONRepresentable {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    definition = try object.required("definition")
    notes = try object.optional("notes", or: notes)
    source = try object.optional("isDefinedByFile", or: false) ? .file : .request
    id = try object.required("id")
    formerName = try object.text("formerName")
    created = try object.required("created")
    function = try object.text("function")
    try take(progress: object)
  }

  /// Takes how it goes from what `progress` wrote.
  mutating func take(progress object: JSON.Object) throws(ConfigError) {
    isWanted = try object.optional("isWanted", or: false)
    wasStopped = try object.optional("wasStopped", or: false)
    isBeingRemoved = try object.optional("isBeingRemoved", or: false)
    isRenewing = try object.optional("isRenewing", or: false)
    isBehind = try object.optional("isBehind", or: false)
    started = try object.optional("started")
    finished = try object.optional("finished")
    exitStatus = try object.optional("exitStatus")
    wasOutOfMemory = try object.optional("wasOutOfMemory", or: false)
    restarts = try object.optional("restarts", or: 0)
    failuresInARow = try object.optional("failuresInARow", or: 0)
    isCrashLooping = try object.optional("isCrashLooping", or: false)
    health = (try object.text("health")).flatMap(PartitionStatus.Health.init)
    isPaused = try object.optional("isPaused", or: false)
    followsLoad = try object.optional("followsLoad", or: false)
    isPausing = try object.optional("isPausing", or: false)
    lastEnd = try object.optional("lastEnd", or: 0)
    boot = try object.optional("boot", or: "")
    error = try object.text("error")
    isClaimed = try object.optional("isClaimed", or: false)
  }

  var json: JSON {
    var object = JSON.Object()
    object.add("definition", definition)
    object.add("notes", notes, unless: RequestNotes())
    object.add("isDefinedByFile", source == .file, unless: false)
    object.add("id", id)
    object.add("formerName", ifPresent: formerName)
    object.add("created", created)
    object.add("function", ifPresent: function)
    return .object(object)
  }

  /// How it goes: what is written more often than the rest.
  var progress: JSON {
    var object = JSON.Object()
    object.add("isWanted", isWanted, unless: false)
    object.add("wasStopped", wasStopped, unless: false)
    object.add("isBeingRemoved", isBeingRemoved, unless: false)
    object.add("isRenewing", isRenewing, unless: false)
    object.add("isBehind", isBehind, unless: false)
    object.add("started", ifPresent: started)
    object.add("finished", ifPresent: finished)
    object.add("exitStatus", ifPresent: exitStatus)
    object.add("wasOutOfMemory", wasOutOfMemory, unless: false)
    object.add("restarts", restarts, unless: 0)
    object.add("failuresInARow", failuresInARow, unless: 0)
    object.add("isCrashLooping", isCrashLooping, unless: false)
    object.add("health", ifPresent: health?.rawValue)
    object.add("isPaused", isPaused, unless: false)
    object.add("followsLoad", followsLoad, unless: false)
    object.add("isPausing", isPausing, unless: false)
    object.add("lastEnd", lastEnd, unless: 0)
    object.add("boot", boot, unless: "")
    object.add("error", ifPresent: error)
    object.add("isClaimed", isClaimed, unless: false)
    return .object(object)
  }
}
