# Fuzz tests are built with clang whatever compiles the rest, since libFuzzer is clang's.
find_program(EREMITE_CLANGXX clang++)
if(EREMITE_CLANGXX AND NOT DEFINED EREMITE_LIBFUZZER)
  # Distributions package the runtime apart from the compiler.
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/probe.cpp "extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n")
  execute_process(COMMAND ${EREMITE_CLANGXX} -fsanitize=fuzzer,address,undefined ${CMAKE_CURRENT_BINARY_DIR}/probe.cpp -o ${CMAKE_CURRENT_BINARY_DIR}/probe
                  RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    set(EREMITE_LIBFUZZER OFF CACHE INTERNAL "Whether clang++ has libFuzzer")
  else()
    set(EREMITE_LIBFUZZER ON CACHE INTERNAL "Whether clang++ has libFuzzer")
  endif()
endif()

# eremite_fuzz_test(name SOURCES file... [INCLUDES folder...] [DEFINITIONS macro...] [CORPUS folder...] [LONGEST bytes])
#
# A program `name` with AddressSanitizer and UndefinedBehaviorSanitizer, and a test that runs it for some seconds. SOURCES are
# relative to the caller's folder or absolute; those in C are of others, and not looked at for undefined behaviour. The inputs in CORPUS seed it; what it finds goes to the build tree. Run it longer by
# hand: name -max_total_time=600 FOUND CORPUS...
function(eremite_fuzz_test name)
  cmake_parse_arguments(PARSE_ARGV 1 fuzz "" "LONGEST" "SOURCES;INCLUDES;DEFINITIONS;CORPUS")
  if(NOT EREMITE_LIBFUZZER)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: clang++ with libFuzzer is not installed")
    set_tests_properties(${name} PROPERTIES LABELS fuzz SKIP_REGULAR_EXPRESSION "skipped:")
    return()
  endif()
  # Our containers name the size when they free; clang before 19 wants to be told that this exists.
  set(flags -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
  foreach(folder IN LISTS fuzz_INCLUDES)
    list(APPEND flags -I${folder})
  endforeach()
  foreach(macro IN LISTS fuzz_DEFINITIONS)
    list(APPEND flags -D${macro})
  endforeach()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}.parts)
  file(MAKE_DIRECTORY ${folder} ${CMAKE_CURRENT_BINARY_DIR}/${name}.found)
  set(objects)
  foreach(source IN LISTS fuzz_SOURCES)
    get_filename_component(source ${source} ABSOLUTE)
    # Two folders may each have a file of the same name.
    file(RELATIVE_PATH stem ${PROJECT_SOURCE_DIR} ${source})
    string(REPLACE "/" "." stem ${stem})
    set(object ${folder}/${stem}.o)
    set(language -std=c++20 -fsized-deallocation)
    if(source MATCHES "\\.c$")
      set(language -x c -std=gnu11 -w -fno-sanitize=undefined)
    endif()
    add_custom_command(OUTPUT ${object} COMMAND ${EREMITE_CLANGXX} ${flags} ${language} -MD -MF ${object}.d -c ${source} -o ${object}
                       DEPENDS ${source} DEPFILE ${object}.d VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(fuzzer ${CMAKE_CURRENT_BINARY_DIR}/${name})
  add_custom_command(OUTPUT ${fuzzer} COMMAND ${EREMITE_CLANGXX} ${flags} ${objects} -o ${fuzzer} DEPENDS ${objects} VERBATIM)
  add_custom_target(build_${name} ALL DEPENDS ${fuzzer})

  if(NOT fuzz_LONGEST)
    set(fuzz_LONGEST 4096)
  endif()
  set(seeds)
  foreach(corpus IN LISTS fuzz_CORPUS)
    get_filename_component(corpus ${corpus} ABSOLUTE)
    list(APPEND seeds ${corpus})
  endforeach()
  add_test(NAME ${name} COMMAND ${fuzzer} -max_total_time=5 -timeout=10 -max_len=${fuzz_LONGEST} -verbosity=0
           -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/${name}. ${CMAKE_CURRENT_BINARY_DIR}/${name}.found ${seeds})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()
