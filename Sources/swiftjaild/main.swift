import Container
import Linux
import Supervisor

func main() -> Int32 {
  let words = CommandLine.arguments
  if words.first == Keeper.processName { return keep(words) }
  let messages = MessageWriter("swiftjaild")
  do throws(UsageError) {
    guard let options = try DaemonOptions(words.dropFirst()) else { return 0 }
    return serve(options, messages)
  } catch {
    messages.write("\(error.description); swiftjaild --help lists the options")
    return 2
  }
}

/// The keeper's part: the directory in which it listens, that of the containers, and which of the keepers it is.
func keep(_ words: [String]) -> Int32 {
  guard words.count == 4, let number = Int(words[3]), let place = KeeperPlace(words[1], number) else {
    return 2
  }
  do throws(Errno) {
    try ProcessControl.setName(Keeper.processName)
    let keeper = try Keeper(at: place, store: ContainerStore(path: words[2]))
    // Whoever started it waits for this.
    try FileDescriptor(owning: 3).writeAll([KeeperLaunch.listens])
    try keeper.run()
    return 0
  } catch {
    // Nobody reads this after the message that it listens.
    try? FileDescriptor(owning: 3).writeAll(KeeperLaunch.failure(error))
    return 1
  }
}

func serve(_ options: DaemonOptions, _ messages: MessageWriter) -> Int32 {
  do throws(SupervisorError) {
    try Daemon(options, messages).run()
    return 0
  } catch {
    messages.write(error.description)
    return 1
  }
}

Inherited.repair()
Inherited.repairUmask()
exitNow(main())
