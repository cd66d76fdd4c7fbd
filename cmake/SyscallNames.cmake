# Names of the system calls, from the host's own header, as the initializers of a list: syscall_names.inc in the folder
# EREMITE_SYSCALL_NAMES.
find_path(EREMITE_UNISTD asm/unistd_64.h PATHS /usr/include/x86_64-linux-gnu REQUIRED)
file(STRINGS ${EREMITE_UNISTD}/asm/unistd_64.h syscall_lines REGEX "^#define __NR_[a-z0-9_]+ [0-9]+$")
# Newer than some versions of it: libos/syscall/numbers.hpp.
list(APPEND syscall_lines "#define __NR_fchmodat2 452")
list(REMOVE_DUPLICATES syscall_lines)
set(syscall_names "")
foreach(line IN LISTS syscall_lines)
  string(REGEX REPLACE "^#define __NR_([a-z0-9_]+) ([0-9]+)$" "{\\2, \"\\1\"},\n" entry "${line}")
  string(APPEND syscall_names "${entry}")
endforeach()
set(EREMITE_SYSCALL_NAMES ${CMAKE_BINARY_DIR}/generated CACHE INTERNAL "Folder of syscall_names.inc")
file(CONFIGURE OUTPUT ${EREMITE_SYSCALL_NAMES}/syscall_names.inc CONTENT "${syscall_names}")
