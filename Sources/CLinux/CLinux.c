// Placeholder so that the package manager sees a C target: everything is in include/CLinux.h.
#include "CLinux.h"
