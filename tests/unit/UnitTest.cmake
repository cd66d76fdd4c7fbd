# Unit tests are host programs under AddressSanitizer and UndefinedBehaviorSanitizer.
find_package(GTest REQUIRED)

# eremite_unit_test(name source...): the program `name` and its test.
function(eremite_unit_test name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../..)
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_compile_options(${name} PRIVATE -Wall -Wextra -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(${name} PRIVATE -fsanitize=address,undefined)
  target_link_libraries(${name} PRIVATE GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()
