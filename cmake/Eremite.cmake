# What a project that makes Eremite images uses. From the build tree and the install tree alike: the including file sets
# EREMITE_OBJECT (lib/eremite.o).

# How an image is linked: statically, at fixed addresses, with code, constants and data in pages of their own.
# cmake/wrappers/eremite-cc and the toolchain file say the same for other builds.
set(EREMITE_LINK_OPTIONS -static -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,-u,eremite_entry)

# libgfortran refers to this function weakly, which takes nothing from an archive, and calls it in programs with threads.
set(EREMITE_FORTRAN_LINK_OPTIONS -Wl,-u,pthread_mutex_destroy)

# eremite_unikernel(TARGET...): the executables become images. They still run as Linux processes.
function(eremite_unikernel)
  foreach(target IN LISTS ARGN)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "EXECUTABLE")
      message(FATAL_ERROR "eremite_unikernel: ${target} is not an executable")
    endif()
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_link_options(${target} PRIVATE ${EREMITE_LINK_OPTIONS} $<$<LINK_LANGUAGE:Fortran>:${EREMITE_FORTRAN_LINK_OPTIONS}>)
    target_link_libraries(${target} PRIVATE ${EREMITE_OBJECT})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${EREMITE_OBJECT})
    if(TARGET eremite_object)
      add_dependencies(${target} eremite_object)
    endif()
  endforeach()
endfunction()
