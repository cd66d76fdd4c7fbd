# What a file system of a server needs of the kernel.
set(libos ${PROJECT_SOURCE_DIR}/libos)
set(remote_sources
    ${CMAKE_CURRENT_LIST_DIR}/machine.cpp
    ${PROJECT_SOURCE_DIR}/base/format.cpp
    ${libos}/fs/file_lock.cpp
    ${libos}/fs/file.cpp
    ${libos}/fs/inode.cpp
    ${libos}/fs/io_buffer.cpp
    ${libos}/fs/mount.cpp
    ${libos}/fs/remote/cached.cpp
    ${libos}/fs/remote/channel.cpp
    ${libos}/fs/remote/contents.cpp
    ${libos}/fs/remote/file_system.cpp
    ${libos}/fs/remote/node.cpp
    ${libos}/fs/remote/open_file.cpp
    ${libos}/fs/remote/values.cpp
    ${libos}/fs/page_cache/eviction.cpp
    ${libos}/fs/page_cache/file_cache.cpp
    ${libos}/fs/page_cache/memory.cpp
    ${libos}/fs/page_cache/write.cpp
    ${libos}/fs/page_cache/write_back.cpp
    ${libos}/fs/page_tree.cpp
    ${libos}/fs/path.cpp
    ${libos}/fs/readiness.cpp
    ${libos}/mm/page_allocator.cpp
    ${libos}/mm/user_memory.cpp)
