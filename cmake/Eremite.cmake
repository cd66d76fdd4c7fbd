# What a project that makes Eremite images uses. From the build tree and the install tree alike: somebody sets
# EREMITE_LIBRARY_FOLDER and EREMITE_ALL_COMPONENTS, the components that are there. The user may set EREMITE_COMPONENTS: those
# that images have if nothing else is said; without it they have all.

# How an image is linked: statically, at fixed addresses, with code, constants and data in pages of their own.
# cmake/wrappers/eremite-cc and the toolchain file say the same for other builds.
set(EREMITE_LINK_OPTIONS -static -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,-u,eremite_entry)

# libgfortran refers to this function weakly, which takes nothing from an archive, and calls it in programs with threads.
set(EREMITE_FORTRAN_LINK_OPTIONS -Wl,-u,pthread_mutex_destroy)

# eremite_find_object(RESULT COMPONENT...): the kernel with these components, to be linked to the program; "none" stands for
# none. cmake/wrappers/eremite-cc names the files alike.
function(eremite_find_object result)
  set(wanted "${ARGN}")
  list(REMOVE_ITEM wanted none)
  list(REMOVE_DUPLICATES wanted)
  list(SORT wanted)
  foreach(component IN LISTS wanted)
    if(NOT component IN_LIST EREMITE_ALL_COMPONENTS)
      list(JOIN EREMITE_ALL_COMPONENTS ", " known)
      message(FATAL_ERROR "Eremite has no component \"${component}\" here; it has: ${known}")
    endif()
  endforeach()
  if("${wanted}" STREQUAL "${EREMITE_ALL_COMPONENTS}")
    set(name eremite)
  elseif(NOT wanted)
    set(name eremite-core)
  else()
    list(JOIN wanted "-" name)
    string(PREPEND name "eremite-")
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
  if(NOT arg_COMPONENTS)
    set(arg_COMPONENTS ${EREMITE_ALL_COMPONENTS})
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
