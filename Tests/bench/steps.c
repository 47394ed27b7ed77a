// Prints the address of every instruction that a program executes, once each, in the order of the first time, over all its
// processes until they execute another image. The program must be linked at fixed addresses.
// usage: steps OUTPUT PROGRAM [ARGUMENT...]
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOW 0x200000UL
#define HIGH 0x2000000UL
static unsigned char seen[HIGH - LOW];

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  FILE *output = fopen(argv[1], "w");
  if (!output) return 1;
  pid_t first = fork();
  if (first == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status, images = 0;
  waitpid(first, &status, 0);
  ptrace(PTRACE_SETOPTIONS, first, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC);
  ptrace(PTRACE_CONT, first, 0, 0);
  for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      // A container's process may go on for ever; it is let go when this program ends.
      if (pid == first) break;
      continue;
    }
    int signal = WSTOPSIG(status), event = status >> 16, pass = 0;
    if (event == PTRACE_EVENT_EXEC && (images++ > 0 || pid != first)) {
      ptrace(PTRACE_DETACH, pid, 0, 0);
      continue;
    }
    if (event == 0 && signal == SIGTRAP) {
      struct user_regs_struct registers;
      ptrace(PTRACE_GETREGS, pid, 0, &registers);
      unsigned long address = registers.rip;
      if (address >= LOW && address < HIGH && !seen[address - LOW]) {
        seen[address - LOW] = 1;
        fprintf(output, "%lx\n", address);
      }
    } else if (event == 0 && signal != SIGSTOP) {
      pass = signal;
    }
    if (ptrace(PTRACE_SINGLESTEP, pid, 0, pass) < 0 && errno != ESRCH) perror("steps");
  }
  return fclose(output) != 0;
}
