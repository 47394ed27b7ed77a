#include "CLinux.h"

// Runs before the Swift runtime, which aborts where there is no /proc, with a line that does not say so.
__attribute__((constructor(101))) static void require_proc(void) {
  static const char message[] = "swiftjail: /proc is not mounted: mount it first (mount -t proc proc /proc)\n";
  if (access("/proc/self/exe", F_OK) == 0) return;
  if (write(2, message, sizeof message - 1) < 0) _exit(126);
  _exit(125);
}
