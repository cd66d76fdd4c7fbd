# For fuzz tests of the monitor's devices: what is below a device.
include(${CMAKE_CURRENT_LIST_DIR}/../FuzzTest.cmake)

set(vmm_fuzz_sources
  ${PROJECT_SOURCE_DIR}/vmm/error.cpp
  ${PROJECT_SOURCE_DIR}/vmm/event_loop.cpp
  ${PROJECT_SOURCE_DIR}/vmm/guest_memory.cpp
  ${PROJECT_SOURCE_DIR}/vmm/page_map.cpp
  ${PROJECT_SOURCE_DIR}/vmm/snapshot/state.cpp
  ${PROJECT_SOURCE_DIR}/vmm/host_memory.cpp
  ${PROJECT_SOURCE_DIR}/vmm/virtio/device.cpp
  ${PROJECT_SOURCE_DIR}/vmm/virtio/mmio.cpp
  ${PROJECT_SOURCE_DIR}/vmm/virtio/queue.cpp)

# eremite_vmm_fuzz_test(name source...): a device, its fuzzer, and what is below.
function(eremite_vmm_fuzz_test name)
  eremite_fuzz_test(${name} SOURCES ${ARGN} ${vmm_fuzz_sources} INCLUDES ${PROJECT_SOURCE_DIR} DEFINITIONS _GNU_SOURCE)
endfunction()
