import Definitions
import OCI

/// What the supervisor says to the keeper: a message each.
enum KeeperRequest: Equatable {
  /// Start a partition, and keep what it writes.
  case start(KeeperStart)
  /// Make a partition up to its last step, and keep what it writes: its first process waits to be started.
  case prepare(KeeperStart)
  /// Keep a partition that runs, and whose keeper is gone.
  case adopt(KeeperStart)
  /// Say something.
  case answer
  /// End the start of this partition that is under way, and say that it failed.
  case cutShort(String)
  /// The end with this number is on record, and need not be told again.
  case acknowledge(UInt64)
  /// Nothing more comes for the standard input of this partition.
  case endInput(String)
  /// So much is kept from now on of what this partition writes.
  case limitLog(name: String, PartitionDefinition.LogLimits)
  /// What a partition writes goes over the socket that comes with this as well.
  case attach(KeeperAttachment)
}

/// What is needed to start a partition.
struct KeeperStart: Equatable, JSONRepresentable {
  var name: String
  /// A `PartitionDefinition`.
  var definition: JSON
  /// The file that gets what the partition writes.
  var log: String
  /// Whether it is prepared, and not started. The kind of the request says it as well: who does not know that passes over
  /// it, and starts nothing.
  var waits = false
  /// Since when it runs, of one that is adopted, in nanoseconds since 1970.
  var started: Int64?
}

/// What is to go to one who is attached to a partition.
struct KeeperAttachment: Equatable, JSONRepresentable {
  var name: String
  var streams: LogStreams = [.stdout, .stderr]
  /// Whether it comes as it was written, and not in the frames of a `MultiplexedStream`.
  var isRaw = false
  /// Whether it begins where the log ends: nothing is missing between the two, and nothing is in both.
  var followsLog = false
  /// Whether it is for the start that is asked for next, if the partition does not run.
  var waits = false
}

/// What the keeper says to the supervisor.
enum KeeperReport: Equatable {
  /// It has this partition; said of all when a supervisor comes.
  case kept(KeptPartition)
  /// It has been asked to start this one, and has not said what came of it; said of all when a supervisor comes.
  case starting(String)
  /// It has no room for this one, which it has been asked to start.
  case full(String)
  /// That was all, of partitions and of ends that are not on record.
  case complete
  /// A partition was started.
  case started(KeptPartition)
  /// A partition was made, and waits to be started.
  case prepared(KeptPartition)
  /// This is for the person who runs it.
  case note(String)
  /// So much was written to all logs, and so much was lost; said when a supervisor comes, and when it has become more.
  case logged(LogFiles.Counters)
  /// A partition could not be started.
  case failed(name: String, reason: String)
  /// The program of a partition has ended.
  case ended(KeptEnd)
}

/// A partition that runs, or waits to be started.
struct KeptPartition: Equatable, JSONRepresentable {
  var name: String
  var pid: Int32
  /// When its first process was made, in nanoseconds since 1970.
  var started: Int64
  /// The keeper's descriptor that leads to its standard input, or its terminal; `nil` without either.
  var input: Int32?
}

/// The end of a partition's program.
struct KeptEnd: Equatable, JSONRepresentable {
  var number: UInt64
  var name: String
  var pid: Int32
  /// As a shell would say it.
  var status: Int32
  /// When it was started, in nanoseconds since 1970.
  var started: Int64
  /// When it ended.
  var finished: Int64
  /// Whether nobody knows how: the status is Docker's for that.
  var isUnknown = false
  /// For how many milliseconds it ran, by a clock that nobody sets; `nil` when nobody has measured it.
  var ran: Int64?

  /// The status of a program of which it is not known how it ended, as Docker has it.
  static let unknownStatus: Int32 = 255

  /// How long it ran.
  var milliseconds: Int64 { ran ?? (finished - started) / 1_000_000 }
}

extension KeeperStart {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    name = try object.required("name")
    definition = try object.required("definition")
    log = try object.required("log")
    waits = try object.optional("waits", or: false)
    started = try object.optional("started")
  }

  var json: JSON {
    var object = JSON.Object()
    object.add("name", name)
    object.add("definition", definition)
    object.add("log", log)
    object.add("waits", waits, unless: false)
    object.add("started", ifPresent: started)
    return .object(object)
  }
}

extension KeeperAttachment {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    name = try object.required("name")
    streams = []
    if try object.required("stdout") { streams.insert(.stdout) }
    if try object.required("stderr") { streams.insert(.stderr) }
    isRaw = try object.required("raw")
    followsLog = try object.required("followsLog")
    waits = try object.required("waits")
  }

  var json: JSON {
    var object = JSON.Object()
    object.add("name", name)
    object.add("stdout", streams.contains(.stdout))
    object.add("stderr", streams.contains(.stderr))
    object.add("raw", isRaw)
    object.add("followsLog", followsLog)
    object.add("waits", waits)
    return .object(object)
  }
}

extension KeptPartition {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    name = try object.required("name")
    pid = try object.required("pid")
    started = try object.required("started")
    input = try object.optional("input")
  }

  var json: JSON {
    var object = JSON.Object()
    object.add("name", name)
    object.add("pid", pid)
    object.add("started", started)
    object.add("input", ifPresent: input)
    return .object(object)
  }
}

extension KeptEnd {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    number = try object.required("number")
    name = try object.required("name")
    pid = try object.required("pid")
    status = try object.required("status")
    started = try object.required("started")
    finished = try object.required("finished")
    isUnknown = try object.optional("isUnknown", or: false)
    ran = try object.optional("ran")
  }

  var json: JSON {
    var object = JSON.Object()
    object.add("number", number)
    object.add("name", name)
    object.add("pid", pid)
    object.add("status", status)
    object.add("started", started)
    object.add("finished", finished)
    object.add("isUnknown", isUnknown, unless: false)
    object.add("ran", ifPresent: ran)
    return .object(object)
  }
}

// On the wire a message is an object with one member, whose name says what it is. Whoever does not know the name passes
// over the message: the two ends may be of different versions of the program.

extension KeeperRequest: JSONRepresentable {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    if let start: KeeperStart = try object.optional("start") {
      self = .start(start)
    } else if let start: KeeperStart = try object.optional("prepare") {
      self = .prepare(start)
    } else if let start: KeeperStart = try object.optional("adopt") {
      self = .adopt(start)
    } else if object["answer"] != nil {
      self = .answer
    } else if let name: String = try object.optional("cutShort") {
      self = .cutShort(name)
    } else if let number: UInt64 = try object.optional("acknowledge") {
      self = .acknowledge(number)
    } else if let name: String = try object.optional("endInput") {
      self = .endInput(name)
    } else if let log: JSON.Object = try object.optional("limitLog") {
      self = .limitLog(name: try log.required("name"), try log.required("limits"))
    } else if let attachment: KeeperAttachment = try object.optional("attach") {
      self = .attach(attachment)
    } else {
      throw ConfigError(path: "", reason: "is no request of this version")
    }
  }

  var json: JSON {
    var object = JSON.Object()
    switch self {
    case .start(let start): object.add("start", start)
    case .prepare(let start): object.add("prepare", start)
    case .adopt(let start): object.add("adopt", start)
    case .answer: object.add("answer", true)
    case .cutShort(let name): object.add("cutShort", name)
    case .acknowledge(let number): object.add("acknowledge", number)
    case .endInput(let name): object.add("endInput", name)
    case .limitLog(let name, let limits):
      var log = JSON.Object()
      log.add("name", name)
      log.add("limits", limits)
      object.add("limitLog", log)
    case .attach(let attachment): object.add("attach", attachment)
    }
    return .object(object)
  }
}

extension KeeperReport: JSONRepresentable {
  init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    if let kept: KeptPartition = try object.optional("kept") {
      self = .kept(kept)
    } else if let started: KeptPartition = try object.optional("started") {
      self = .started(started)
    } else if let prepared: KeptPartition = try object.optional("prepared") {
      self = .prepared(prepared)
    } else if let ended: KeptEnd = try object.optional("ended") {
      self = .ended(ended)
    } else if let failed: JSON.Object = try object.optional("failed") {
      self = .failed(name: try failed.required("name"), reason: try failed.required("reason"))
    } else if let text: String = try object.optional("note") {
      self = .note(text)
    } else if let logged: JSON.Object = try object.optional("logged") {
      var counters = LogFiles.Counters()
      counters.writtenBytes = try logged.required("writtenBytes")
      counters.droppedBytes = try logged.required("droppedBytes")
      counters.droppedEntries = try logged.required("droppedEntries")
      self = .logged(counters)
    } else if let name: String = try object.optional("starting") {
      self = .starting(name)
    } else if let name: String = try object.optional("full") {
      self = .full(name)
    } else if object["complete"] != nil {
      self = .complete
    } else {
      throw ConfigError(path: "", reason: "is no report of this version")
    }
  }

  var json: JSON {
    var object = JSON.Object()
    switch self {
    case .kept(let kept): object.add("kept", kept)
    case .starting(let name): object.add("starting", name)
    case .note(let text): object.add("note", text)
    case .logged(let counters):
      var logged = JSON.Object()
      logged.add("writtenBytes", counters.writtenBytes)
      logged.add("droppedBytes", counters.droppedBytes)
      logged.add("droppedEntries", counters.droppedEntries)
      object.add("logged", logged)
    case .full(let name): object.add("full", name)
    case .complete: object.add("complete", true)
    case .started(let started): object.add("started", started)
    case .prepared(let prepared): object.add("prepared", prepared)
    case .failed(let name, let reason):
      var failed = JSON.Object()
      failed.add("name", name)
      failed.add("reason", reason)
      object.add("failed", failed)
    case .ended(let ended): object.add("ended", ended)
    }
    return .object(object)
  }
}
