# How the supervisor and the library OS are compiled and linked: one CMake target per folder, each an object library;
# then two prelinked objects, one relocatable object for linked images with each set of components (lib/eremite.o has
# them all), and lib/eremite-kernel.

set(EREMITE_KERNEL_FLAGS
    -O2 -g -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit -fno-gnu-unique
    -mgeneral-regs-only -mno-red-zone -fno-pic -mcmodel=small -fno-stack-protector -fcf-protection=none
    -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections -fvisibility=hidden
    -Wall -Wextra -Wno-missing-field-initializers)

set(EREMITE_LOG_LEVELS error warn info debug)
list(FIND EREMITE_LOG_LEVELS "${EREMITE_LOG_LEVEL}" EREMITE_LOG_LIMIT)
if(EREMITE_LOG_LIMIT LESS 0)
  message(FATAL_ERROR "EREMITE_LOG_LEVEL is \"${EREMITE_LOG_LEVEL}\"; it must be one of error, warn, info, debug")
endif()

if(NOT EREMITE_MAX_CPUS MATCHES "^([1-9]|[1-5][0-9]|6[0-4])$")
  message(FATAL_ERROR "EREMITE_MAX_CPUS is \"${EREMITE_MAX_CPUS}\"; it must be a number from 1 to 64")
endif()

# The components, in the order of their names, and all sets of them that can be, as names; the last has all:
# "none;trace;virtio;share-virtio;...;share-trace-virtio-volume".
set(EREMITE_ALL_COMPONENTS)
set(EREMITE_COMPONENT_SETS none)
foreach(component IN ITEMS net share trace virtio volume)
  string(TOUPPER EREMITE_${component} switch)
  if(NOT ${switch})
    continue()
  endif()
  list(APPEND EREMITE_ALL_COMPONENTS ${component})
  foreach(set IN LISTS EREMITE_COMPONENT_SETS)
    string(REGEX REPLACE "^none-" "" set ${set}-${component})
    list(APPEND EREMITE_COMPONENT_SETS ${set})
  endforeach()
endforeach()
# The devices that net, share and volume drive are virtio's: cmake/Eremite.cmake and cmake/wrappers/eremite-cc add that to them.
foreach(set IN LISTS EREMITE_COMPONENT_SETS)
  if(set MATCHES "net|share|volume" AND NOT set MATCHES "virtio")
    list(REMOVE_ITEM EREMITE_COMPONENT_SETS ${set})
  endif()
endforeach()
set(EREMITE_LIBRARY_FOLDER ${PROJECT_BINARY_DIR}/lib)

set_property(GLOBAL PROPERTY EREMITE_LIBOS_LIBRARIES "")

# eremite_kernel_library(NAME [COMPONENT component | WITHOUT component] SOURCES...): part of the library OS: of all images,
# of those with a component, or of those without it, where it stands for what is not there.
function(eremite_kernel_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "COMPONENT;WITHOUT" "")
  add_library(${name} OBJECT ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${EREMITE_KERNEL_FLAGS}>" "$<$<COMPILE_LANGUAGE:ASM>:-g>")
  target_compile_definitions(${name} PRIVATE EREMITE_KERNEL=1 EREMITE_LOG_LIMIT=${EREMITE_LOG_LIMIT} EREMITE_MAX_CPUS=${EREMITE_MAX_CPUS}
                             $<$<BOOL:${EREMITE_BALLOON}>:EREMITE_BALLOON=1>
                             $<$<BOOL:${EREMITE_VIRTIO_RNG}>:EREMITE_VIRTIO_RNG=1>
                             $<$<BOOL:${EREMITE_DEBUG_LOCKS}>:EREMITE_DEBUG_LOCKS=1>)
  if(arg_COMPONENT AND NOT arg_COMPONENT IN_LIST EREMITE_ALL_COMPONENTS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY EREMITE_LIBOS_LIBRARIES ${name})
  set_target_properties(${name} PROPERTIES EREMITE_COMPONENT "${arg_COMPONENT}" EREMITE_WITHOUT "${arg_WITHOUT}")
endfunction()

# eremite_libraries_with(RESULT COMPONENT...): the libraries of an image with these components and no others.
function(eremite_libraries_with result)
  get_property(libraries GLOBAL PROPERTY EREMITE_LIBOS_LIBRARIES)
  set(chosen)
  foreach(library IN LISTS libraries)
    get_target_property(component ${library} EREMITE_COMPONENT)
    get_target_property(without ${library} EREMITE_WITHOUT)
    if((component AND NOT component IN_LIST ARGN) OR (without AND without IN_LIST ARGN))
      continue()
    endif()
    list(APPEND chosen ${library})
  endforeach()
  set(${result} ${chosen} PARENT_SCOPE)
endfunction()

# Prelinks the objects of `libraries` into ${output}: one section of each kind, page-aligned and padded, COMDAT groups
# resolved, no debug information, and every symbol local but those listed in ${script}.symbols.
function(eremite_prelink output script)
  set(objects)
  foreach(library IN LISTS ARGN)
    list(APPEND objects $<TARGET_OBJECTS:${library}>)
  endforeach()
  file(STRINGS ${script}.symbols symbols)
  list(TRANSFORM symbols PREPEND "--undefined=")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_LINKER} -r --strip-debug --force-group-allocation --gc-sections ${symbols}
            -T ${script} -o ${output} ${objects}
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=${script}.symbols ${output}
    DEPENDS ${objects} ${script} ${script}.symbols
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Prelinking ${output}")
endfunction()

function(eremite_link_kernel)
  set(scripts ${PROJECT_SOURCE_DIR}/cmake/kernel)
  set(out ${EREMITE_LIBRARY_FOLDER})
  file(MAKE_DIRECTORY ${out})
  eremite_prelink(${out}/supervisor.o ${scripts}/supervisor.ld eremite_supervisor)
  set(objects)
  foreach(set IN LISTS EREMITE_COMPONENT_SETS)
    string(REPLACE "-" ";" components ${set})
    eremite_find_object(object ${components})
    string(REGEX REPLACE "eremite([^/]*)\\.o$" "libos\\1.o" libos ${object})
    eremite_libraries_with(libraries ${components})
    eremite_prelink(${libos} ${scripts}/libos.ld ${libraries})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_LINKER} -r -o ${object} ${out}/supervisor.o ${libos}
      DEPENDS ${out}/supervisor.o ${libos} VERBATIM
      COMMENT "Linking ${object}")
    list(APPEND objects ${object})
  endforeach()
  # Below 0x400000 and clear of 0x200000, where ld and lld put programs.
  add_custom_command(
    OUTPUT ${out}/eremite-kernel
    COMMAND ${CMAKE_LINKER} -static -e eremite_entry -Ttext-segment=0x100000 -z noexecstack -z separate-code
            -z max-page-size=4096 -o ${out}/eremite-kernel ${out}/eremite.o
    DEPENDS ${out}/eremite.o VERBATIM
    COMMENT "Linking lib/eremite-kernel")
  add_custom_target(eremite_object ALL DEPENDS ${objects} ${out}/eremite-kernel)
  set_property(GLOBAL PROPERTY EREMITE_OBJECTS ${objects})
endfunction()
