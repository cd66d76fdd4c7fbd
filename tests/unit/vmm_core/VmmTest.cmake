# For tests of the monitor and its devices: what is below the devices, under the sanitizers, and the driver's side of virtqueues.
include(${CMAKE_CURRENT_LIST_DIR}/../UnitTest.cmake)

set(root ${CMAKE_CURRENT_LIST_DIR}/../../..)
set(vmm_sources
  ${CMAKE_CURRENT_LIST_DIR}/guest.cpp
  ${root}/virtio/queue.cpp
  ${root}/virtio/split_queue.cpp
  ${root}/vmm/error.cpp
  ${root}/vmm/event_loop.cpp
  ${root}/vmm/guest_memory.cpp
  ${root}/vmm/page_map.cpp
  ${root}/vmm/host_memory.cpp
  ${root}/vmm/snapshot/state.cpp
  ${root}/vmm/virtio/device.cpp
  ${root}/vmm/virtio/mmio.cpp
  ${root}/vmm/virtio/queue.cpp)

if(NOT TARGET unit_vmm_support)
  add_library(unit_vmm_support STATIC EXCLUDE_FROM_ALL ${vmm_sources})
  target_link_libraries(unit_vmm_support PUBLIC unit_support)
  target_compile_definitions(unit_vmm_support PUBLIC _GNU_SOURCE)
endif()

# eremite_vmm_test(name source...): the program `name` and its test.
function(eremite_vmm_test name)
  eremite_unit_test(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE unit_vmm_support)
endfunction()

# eremite_vmm_thread_test(name source...): the same under ThreadSanitizer.
function(eremite_vmm_thread_test name)
  eremite_thread_test(${name} ${ARGN} ${vmm_sources} ${root}/tests/unit/panic.cpp)
  if(TARGET ${name})
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    # Its fences are not seen, but each stands beside an atomic access that is.
    target_compile_options(${name} PRIVATE -Wno-tsan)
  endif()
endfunction()
