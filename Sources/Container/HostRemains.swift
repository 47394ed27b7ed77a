import Linux

/// What stays of the host's file tree in a mount namespace whose root was not pivoted.
enum HostRemains {
  /// Takes away the host's process and device trees: a process that breaks out of its `chroot` finds no file of theirs
  /// to act on the host with.
  ///
  /// The container's own are under the root that was mounted last, on "/" itself, and so have no path here.
  static func hide() throws(Errno) {
    for place in ["/proc", "/sys"] {
      do throws(Errno) {
        while true { try detachMount(at: place) }
      } catch .invalidArgument {
        // Nothing more is mounted there.
      } catch .noSuchFileOrDirectory {}
    }
  }
}
