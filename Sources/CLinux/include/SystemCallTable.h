// The numbers of system calls, by name, on the architectures for which filters are made.
#pragma once

#include <stdint.h>

// How many names there are.
extern const int linux_system_call_count;
// The names, sorted by their bytes, one behind the other.
extern const char linux_system_call_names[];
// Where each name starts, and where the last one ends.
extern const uint16_t linux_system_call_places[];
// Of each name, the number on x86_64, x32, i386, aarch64 and arm; -1 where there is no such call.
enum { LINUX_SYSTEM_CALL_ARCHITECTURES = 5 };
extern const int32_t linux_system_call_numbers[][LINUX_SYSTEM_CALL_ARCHITECTURES];

// Swift takes an array of unknown length for a single element.
static inline const char *_Nonnull linux_system_call_name_bytes(void) { return linux_system_call_names; }
static inline const uint16_t *_Nonnull linux_system_call_name_places(void) { return linux_system_call_places; }
static inline const int32_t *_Nonnull linux_system_call_number_rows(void) { return linux_system_call_numbers[0]; }
