set(EREMITE_SYSCALL_FILE_SOURCES
    file_control.cpp
    file_io.cpp
    file_open.cpp
    file_stat.cpp
    file_support.cpp)
