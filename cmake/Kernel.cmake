# How the supervisor and the library OS are compiled and linked: one CMake target per folder, each an object library;
# then two prelinked objects, one relocatable object for linked images (lib/eremite.o), and lib/eremite-kernel.

set(EREMITE_KERNEL_FLAGS
    -O2 -g -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit -fno-gnu-unique
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

set_property(GLOBAL PROPERTY EREMITE_LIBOS_LIBRARIES "")

# eremite_kernel_library(NAME SOURCES...): part of the library OS.
function(eremite_kernel_library name)
  add_library(${name} OBJECT ${ARGN})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${EREMITE_KERNEL_FLAGS}>" "$<$<COMPILE_LANGUAGE:ASM>:-g>")
  target_compile_definitions(${name} PRIVATE EREMITE_KERNEL=1 EREMITE_LOG_LIMIT=${EREMITE_LOG_LIMIT} EREMITE_MAX_CPUS=${EREMITE_MAX_CPUS}
                             $<$<BOOL:${EREMITE_VIRTIO_RNG}>:EREMITE_VIRTIO_RNG=1> $<$<BOOL:${EREMITE_TRACE}>:EREMITE_TRACE=1> $<$<BOOL:${EREMITE_SHARE}>:EREMITE_SHARE=1>
                             $<$<BOOL:${EREMITE_DEBUG_LOCKS}>:EREMITE_DEBUG_LOCKS=1>)
  set_property(GLOBAL APPEND PROPERTY EREMITE_LIBOS_LIBRARIES ${name})
endfunction()

# Prelinks the objects of `libraries` into ${output}: one section of each kind, page-aligned and padded, COMDAT groups
# resolved, and every symbol local but those listed in ${script}.symbols.
function(eremite_prelink output script)
  set(objects)
  foreach(library IN LISTS ARGN)
    list(APPEND objects $<TARGET_OBJECTS:${library}>)
  endforeach()
  file(STRINGS ${script}.symbols symbols)
  list(TRANSFORM symbols PREPEND "--undefined=")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_LINKER} -r --force-group-allocation --gc-sections ${symbols}
            -T ${script} -o ${output} ${objects}
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=${script}.symbols ${output}
    DEPENDS ${objects} ${script} ${script}.symbols
    COMMAND_EXPAND_LISTS VERBATIM
    COMMENT "Prelinking ${output}")
endfunction()

function(eremite_link_kernel)
  set(scripts ${PROJECT_SOURCE_DIR}/cmake/kernel)
  set(out ${PROJECT_BINARY_DIR}/lib)
  file(MAKE_DIRECTORY ${out})
  get_property(libos GLOBAL PROPERTY EREMITE_LIBOS_LIBRARIES)
  eremite_prelink(${out}/supervisor.o ${scripts}/supervisor.ld eremite_supervisor)
  eremite_prelink(${out}/libos.o ${scripts}/libos.ld ${libos})
  add_custom_command(
    OUTPUT ${out}/eremite.o
    COMMAND ${CMAKE_LINKER} -r --strip-debug -o ${out}/eremite.o ${out}/supervisor.o ${out}/libos.o
    DEPENDS ${out}/supervisor.o ${out}/libos.o VERBATIM
    COMMENT "Linking lib/eremite.o")
  # Below 0x400000 and clear of 0x200000, where ld and lld put programs.
  add_custom_command(
    OUTPUT ${out}/eremite-kernel
    COMMAND ${CMAKE_LINKER} -static -e eremite_entry -Ttext-segment=0x100000 -z noexecstack -z separate-code
            -z max-page-size=4096 -o ${out}/eremite-kernel ${out}/eremite.o
    DEPENDS ${out}/eremite.o VERBATIM
    COMMENT "Linking lib/eremite-kernel")
  add_custom_target(eremite_object ALL DEPENDS ${out}/eremite.o ${out}/eremite-kernel)
endfunction()
