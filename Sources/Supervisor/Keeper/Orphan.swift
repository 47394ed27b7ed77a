import Container
import Linux

/// The first process of a container whose worker was killed before it could say that it has started one.
///
/// When the last descriptor over which that could be said is closed, the process has either executed the program, with all
/// around it in place and on record, or it has ended, as it does when its worker is gone.
enum Orphan {
  /// The pid of such a process among the children of this one.
  ///
  /// - Parameters:
  ///   - began: when the worker was made, in nanoseconds since 1970: an older container is none of its.
  ///   - hasEnded: whether a child with this pid has ended since then.
  static func pid(
    of name: String, in store: ContainerStore, since began: Int64, _ hasEnded: (Int32) -> Bool
  ) -> Int32? {
    guard let id = try? ContainerID(name), let record = (try? store.container(id))?.record,
      let process = record.process, record.created >= began
    else { return nil }
    if hasEnded(process.pid) { return process.pid }
    guard let now = try? ProcessStatus.of(process.pid), now.startTime == process.startTime, !now.isDead,
      now.parent == ProcessControl.pid
    else { return nil }
    return process.pid
  }
}
