# What a project that makes Eremite images uses. From the build tree and the install tree alike: the including file sets
# EREMITE_LIBRARY_FOLDER and EREMITE_COMPONENT_SETS, the sets of components that are there, as cmake/Kernel.cmake names them.
# The user may set EREMITE_COMPONENTS: those that images have if nothing else is said; without it they have all.
# Projects may ask for an older CMake; this file does not.
cmake_policy(VERSION 3.16)

# How an image is linked: statically, at fixed addresses, with code, constants and data in pages of their own.
# cmake/wrappers/eremite-cc and the toolchain file say the same for other builds.
set(EREMITE_LINK_OPTIONS -static -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,-u,eremite_entry)

# libgfortran refers to this function weakly, which takes nothing from an archive, and calls it in programs with threads.
set(EREMITE_FORTRAN_LINK_OPTIONS -Wl,-u,pthread_mutex_destroy)

# eremite_find_object(RESULT COMPONENT...): the kernel with these components, to be linked to the program; "none" stands for
# none, nothing for all; net, share and volume bring virtio along. cmake/wrappers/eremite-cc does the same.
function(eremite_find_object result)
  list(GET EREMITE_COMPONENT_SETS -1 all)
  set(wanted "${ARGN}")
  if("share" IN_LIST wanted OR "volume" IN_LIST wanted OR "net" IN_LIST wanted)
    list(APPEND wanted virtio)
  endif()
  list(SORT wanted)
  list(REMOVE_DUPLICATES wanted)
  list(JOIN wanted "-" set)
  if(NOT set)
    set(set ${all})
  endif()
  if(NOT set IN_LIST EREMITE_COMPONENT_SETS)
    list(JOIN EREMITE_COMPONENT_SETS ", " known)
    message(FATAL_ERROR "No image can have the components \"${set}\"; the sets of components are: ${known}")
  endif()
  if("${set}" STREQUAL "${all}")
    set(name eremite)
  elseif("${set}" STREQUAL "none")
    set(name eremite-core)
  else()
    set(name eremite-${set})
  endif()
  set(${result} ${EREMITE_LIBRARY_FOLDER}/${name}.o PARENT_SCOPE)
endfunction()

# eremite_unikernel(TARGET... [COMPONENTS none | component...]): the executables become images. They still run as Linux
# processes.
function(eremite_unikernel)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "COMPONENTS")
  if(NOT arg_COMPONENTS)
    set(arg_COMPONENTS ${EREMITE_COMPONENTS})
  endif()
  eremite_find_object(object ${arg_COMPONENTS})
  foreach(target IN LISTS arg_UNPARSED_ARGUMENTS)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "EXECUTABLE")
      message(FATAL_ERROR "eremite_unikernel: ${target} is not an executable")
    endif()
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_link_options(${target} PRIVATE ${EREMITE_LINK_OPTIONS} $<$<LINK_LANGUAGE:Fortran>:${EREMITE_FORTRAN_LINK_OPTIONS}>)
    target_link_libraries(${target} PRIVATE ${object})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${object})
    if(TARGET eremite_object)
      add_dependencies(${target} eremite_object)
    endif()
  endforeach()
endfunction()
