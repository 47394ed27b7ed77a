// /bin/pause of the benchmarks' root: sleeps until it is killed.
#include <unistd.h>

int main(void) {
  for (;;) pause();
}
