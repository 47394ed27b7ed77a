// /bin/true of the benchmarks' root: the shortest life a container can have.
int main(void) { return 0; }
