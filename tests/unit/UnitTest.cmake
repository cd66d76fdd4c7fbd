# Unit tests are host programs under AddressSanitizer and UndefinedBehaviorSanitizer, and under the check of the lock order.
find_package(GTest REQUIRED)

# What kernel code that takes locks needs beside itself. From an archive, so that a test may have its own panic().
if(NOT TARGET unit_support)
  set(root ${CMAKE_CURRENT_LIST_DIR}/../..)
  add_library(unit_support STATIC EXCLUDE_FROM_ALL ${root}/libos/sync/lock_check.cpp ${root}/base/format.cpp ${CMAKE_CURRENT_LIST_DIR}/panic.cpp)
  target_include_directories(unit_support PUBLIC ${root})
  target_compile_features(unit_support PUBLIC cxx_std_20)
  target_compile_definitions(unit_support PUBLIC EREMITE_DEBUG_LOCKS=1)
  target_compile_options(unit_support PUBLIC -Wall -Wextra -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(unit_support PUBLIC -fsanitize=address,undefined)
endif()

# eremite_unit_test(name source...): the program `name` and its test.
function(eremite_unit_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE unit_support GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()
