// peak COMMAND ARGS...: runs COMMAND and prints the peak RSS, in KiB, of the largest process among it
// and everything it started, also what outlived it. Static and tiny because the kernel counts the
// memory of the process that called exec too: measured from Python, nothing is under 10 MB.
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) errx(2, "usage: peak COMMAND [ARGS...]");
  // Orphans (what a runtime leaves in the background) become children of this process.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) err(125, "PR_SET_CHILD_SUBREAPER");
  pid_t command;
  errno = posix_spawn(&command, argv[1], NULL, NULL, argv + 1, environ);
  if (errno) err(125, "%s", argv[1]);

  long peak = 0;
  int status, failed = 0;
  struct rusage usage;
  for (pid_t pid; (pid = wait4(-1, &status, 0, &usage)) > 0;) {
    if (usage.ru_maxrss > peak) peak = usage.ru_maxrss;
    if (pid == command) failed = status != 0;
  }
  if (failed) errx(1, "%s failed", argv[1]);
  printf("%ld\n", peak);
}
