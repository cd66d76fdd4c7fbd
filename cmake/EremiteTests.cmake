# Tests of programs inside the virtual machine, as ctest sees them.
find_package(Python3 COMPONENTS Interpreter REQUIRED)

set(EREMITE_RUN_GUEST ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/e2e/run_guest.py --eremite $<TARGET_FILE:eremite>
    --probe-image $<TARGET_FILE:hello> --probe-cache ${PROJECT_BINARY_DIR}/kvm-probe.json)

set(on_qemu_with_kvm busybox.shell cancel clocks demo epoll file_ops fifo_ops go.2cpus heat_openmp.2cpus hello memory out_of_memory pipes
    registers.2cpus signals.2cpus sockets_tcp sqlite static_pie stress.cpus.2cpus stress.locks.2cpus system_calls threads timers)

# eremite_guest_test(NAME SOURCES source... | PROGRAM file [options]): adds the tests guest.NAME, under QEMU's TCG, and guest.NAME.kvm, under QEMU
# with KVM, and guest.NAME.cell, under our own monitor, which are skipped where KVM cannot be used. The image hardly sees who its monitor is, so
# under QEMU with KVM there are only those of `on_qemu_with_kvm`.
#   SOURCES          sources of the program, which becomes an image
#   PROGRAM          an existing executable, or a target's file as $<TARGET_FILE:...>
#   KERNEL_FLAVOUR   no image: a plain static executable, booted by eremite-kernel
#   LIBRARIES        libraries of the program
#   ARGUMENTS, ENV   of the program; ENV as NAME=VALUE
#   FILES            a folder that becomes the program's /
#   MEMORY, CPUS     of the machine, as `eremite run --memory` and `--cpus` take them; one CPU by default
#   COMPARE          runs the same file as a Linux process too: standard output and exit status must be equal
#   FRESH_NETWORK    the Linux process gets a network namespace of its own, with nothing but the loopback, as the machine has
#   EXPECT_EXIT      exit status, 0 by default
#   EXPECT_OUTPUT    a regular expression that the standard output must match
#   TIMEOUT          of one run in seconds, 120 by default
# A machine with two CPUs is at work on fewer for most of its time, so ctest is told of one: else the host's others would idle. Where both
# are at work throughout, the test says so (PROCESSORS).
function(eremite_guest_test name)
  cmake_parse_arguments(PARSE_ARGV 1 T "COMPARE;FRESH_NETWORK;KERNEL_FLAVOUR" "PROGRAM;FILES;MEMORY;CPUS;EXPECT_EXIT;EXPECT_OUTPUT;TIMEOUT"
                        "SOURCES;LIBRARIES;ARGUMENTS;ENV")
  if(T_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "eremite_guest_test(${name}): unknown arguments: ${T_UNPARSED_ARGUMENTS}")
  endif()
  if(T_SOURCES)
    add_executable(guest_${name} ${T_SOURCES})
    target_compile_options(guest_${name} PRIVATE -O2 -Wall -Wextra)
    target_include_directories(guest_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(guest_${name} PRIVATE ${T_LIBRARIES})
    set_target_properties(guest_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/guest)
    if(T_KERNEL_FLAVOUR)
      target_link_options(guest_${name} PRIVATE -static)
    else()
      eremite_unikernel(guest_${name})
    endif()
    set(T_PROGRAM $<TARGET_FILE:guest_${name}>)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  set(command ${EREMITE_RUN_GUEST} --timeout ${T_TIMEOUT})
  foreach(option IN ITEMS FILES MEMORY CPUS EXPECT_EXIT EXPECT_OUTPUT)
    if(DEFINED T_${option})
      string(TOLOWER ${option} flag)
      string(REPLACE _ - flag ${flag})
      list(APPEND command --${flag}=${T_${option}})
    endif()
  endforeach()
  foreach(variable IN LISTS T_ENV)
    list(APPEND command --env=${variable})
  endforeach()
  if(T_COMPARE)
    list(APPEND command --compare)
  endif()
  if(T_FRESH_NETWORK)
    list(APPEND command --fresh-network)
  endif()
  math(EXPR limit "3 * ${T_TIMEOUT} + 30")
  foreach(on IN ITEMS tcg kvm cell)
    if(on STREQUAL "kvm" AND NOT name IN_LIST on_qemu_with_kvm)
      continue()
    endif()
    set(test guest.${name}.${on})
    set(label ${on})
    if(on STREQUAL "tcg")
      set(test guest.${name})
      set(label guest)
    endif()
    add_test(NAME ${test} COMMAND ${command} --on ${on} ${T_PROGRAM} -- ${T_ARGUMENTS})
    set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT ${limit} SKIP_RETURN_CODE 77)
  endforeach()
endfunction()

# set_guest_tests_properties(NAME... PROPERTIES name value...): set_tests_properties() for all tests of each.
function(set_guest_tests_properties)
  cmake_parse_arguments(PARSE_ARGV 0 P "" "" "PROPERTIES")
  foreach(name IN LISTS P_UNPARSED_ARGUMENTS)
    foreach(test IN ITEMS guest.${name} guest.${name}.kvm guest.${name}.cell)
      if(TEST ${test})
        set_tests_properties(${test} PROPERTIES ${P_PROPERTIES})
      endif()
    endforeach()
  endforeach()
endfunction()
