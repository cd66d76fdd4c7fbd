# What is installed, and the same things in the build tree, so that a user's project can use either.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(library_folder ${CMAKE_INSTALL_LIBDIR}/eremite)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Eremite)

get_property(objects GLOBAL PROPERTY EREMITE_OBJECTS)
install(FILES ${objects} DESTINATION ${library_folder})
install(PROGRAMS ${PROJECT_BINARY_DIR}/lib/eremite-kernel DESTINATION ${library_folder})
install(FILES ${PROJECT_BINARY_DIR}/implemented_syscalls.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/eremite)
install(FILES LICENSE-MIT LICENSE-APACHE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The wrappers: one script under three names.
foreach(name IN ITEMS eremite-cc eremite-c++ eremite-fortran)
  configure_file(cmake/wrappers/eremite-cc ${PROJECT_BINARY_DIR}/bin/${name} @ONLY)
  install(PROGRAMS ${PROJECT_BINARY_DIR}/bin/${name} DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()

# The CMake package. In the build tree: Eremite_DIR=<build>/cmake/Eremite.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/Eremite/EremiteConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_package_config_file(cmake/EremiteConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/Eremite/EremiteConfig.cmake
                              INSTALL_PREFIX ${PROJECT_BINARY_DIR} INSTALL_DESTINATION ${PROJECT_BINARY_DIR}/cmake/Eremite
                              PATH_VARS EREMITE_LIBRARY_FOLDER)
configure_file(cmake/Eremite.cmake ${PROJECT_BINARY_DIR}/cmake/Eremite/Eremite.cmake COPYONLY)
set(EREMITE_LIBRARY_FROM_TOOLCHAIN ../../lib)
set(EREMITE_COMMAND_FROM_TOOLCHAIN ../../bin/eremite)
configure_file(cmake/eremite-toolchain.cmake.in ${PROJECT_BINARY_DIR}/cmake/Eremite/eremite-toolchain.cmake @ONLY)

set(EREMITE_LIBRARY_FOLDER ${library_folder})
configure_package_config_file(cmake/EremiteConfig.cmake.in ${PROJECT_BINARY_DIR}/installed/EremiteConfig.cmake
                              INSTALL_DESTINATION ${package_folder} PATH_VARS EREMITE_LIBRARY_FOLDER)
file(RELATIVE_PATH EREMITE_LIBRARY_FROM_TOOLCHAIN /${package_folder} /${library_folder})
file(RELATIVE_PATH EREMITE_COMMAND_FROM_TOOLCHAIN /${package_folder} /${CMAKE_INSTALL_BINDIR}/eremite)
configure_file(cmake/eremite-toolchain.cmake.in ${PROJECT_BINARY_DIR}/installed/eremite-toolchain.cmake @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/installed/EremiteConfig.cmake ${PROJECT_BINARY_DIR}/installed/eremite-toolchain.cmake
              ${PROJECT_BINARY_DIR}/cmake/Eremite/EremiteConfigVersion.cmake cmake/Eremite.cmake
        DESTINATION ${package_folder})

# The names of the implemented system calls, for `eremite info`: what the table assigns to handlers that do something.
set(tables ${PROJECT_SOURCE_DIR}/libos/syscall/table.cpp ${PROJECT_SOURCE_DIR}/libos/syscall/file_table_entries.hpp)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${tables})
set(names)
foreach(table IN LISTS tables)
  file(READ ${table} text)
  string(REGEX MATCHALL "{__NR_[a-z0-9_]+, (adapt|eremite_)" entries "${text}")
  list(TRANSFORM entries REPLACE "{__NR_([a-z0-9_]+), .*" "\\1")
  list(APPEND names ${entries})
endforeach()
list(REMOVE_ITEM names fork vfork clone clone3 execve execveat)
list(SORT names)
list(JOIN names "\n" names)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/implemented_syscalls.txt CONTENT "${names}\n")

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_CONTACT "Eremite developers")
set(CPACK_DEBIAN_PACKAGE_DEPENDS "qemu-system-x86, g++, binutils")
include(CPack)
