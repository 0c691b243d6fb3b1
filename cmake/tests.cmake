# One executable and one ctest test for every test_*.c, fuzz target and example, and the checks on the tree and on the
# objects. Labels are the names of the folders: ctest -L unit.

find_package(Python3 COMPONENTS Interpreter)
set(scripts ${PROJECT_SOURCE_DIR}/scripts)

set(LASTACK_TEST_ENVIRONMENT
  "ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1"
  "UBSAN_OPTIONS=print_stacktrace=1")

# lastack_test(name label timeout command…)
function(lastack_test name label timeout)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} ENVIRONMENT
    "${LASTACK_TEST_ENVIRONMENT}")
endfunction()

# --- What tests share ---

file(GLOB support_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.c)
if(LASTACK_CROSS)
  # A foreign machine has no foreign libraries: what needs one is not for its tests.
  lastack_without_foreign(support_sources)
  list(APPEND support_sources ${PROJECT_SOURCE_DIR}/tests/cross/cmocka.c)
endif()
lastack_part(lastack_support ${support_sources})

# What make bench-path runs. Its parts are tested, and an interop test runs it: so it is built in every preset.
if(NOT LASTACK_CROSS)
  file(GLOB path_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/path/*.c)
  list(REMOVE_ITEM path_sources ${PROJECT_SOURCE_DIR}/bench/path/path.c)
  lastack_part(lastack_path ${path_sources})
  target_include_directories(lastack_path PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(lastack_path PUBLIC lastack_verbs ${parts} lastack)
  add_executable(bench_path ${PROJECT_SOURCE_DIR}/bench/path/path.c)
  set_target_properties(bench_path PROPERTIES OUTPUT_NAME bench-path)
  lastack_settings(bench_path)
  target_link_libraries(bench_path PRIVATE lastack_path)
endif()

# How every program of the tests is compiled, and what it is linked with. gcc guesses wrong about memory that a test fills
# through a function; the sanitizers know.
function(lastack_test_links target)
  lastack_settings(${target})
  target_compile_options(${target} PRIVATE $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tests
    ${PROJECT_SOURCE_DIR}/tests/support)
  get_target_property(sources ${target} SOURCES)
  lastack_sources_including(tool/ of_the_command ${sources})
  lastack_sources_including(bench/path/ of_the_road ${sources})
  target_link_libraries(${target} PRIVATE lastack_support $<$<BOOL:${of_the_road}>:lastack_path>
    $<$<BOOL:${of_the_command}>:lastack_verbs> ${parts} lastack)
  lastack_link_used(${target} ${sources})
  if(LASTACK_CROSS)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/cross)
  endif()
endfunction()

if(support_sources)
  lastack_settings(lastack_support)
  target_include_directories(lastack_support PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tests
    ${PROJECT_SOURCE_DIR}/tests/support $<$<BOOL:${LASTACK_CROSS}>:${PROJECT_SOURCE_DIR}/tests/cross>)
  target_link_libraries(lastack_support PRIVATE ${parts} lastack)
endif()

if(NOT LASTACK_CROSS)
  find_library(LASTACK_CMOCKA cmocka)
  if(NOT LASTACK_CMOCKA)
    message(FATAL_ERROR "The tests need cmocka: apt-get install libcmocka-dev")
  endif()
endif()

# --- cmocka tests ---

set(kinds unit segment api sim)
if(NOT LASTACK_CROSS)
  list(APPEND kinds interop)
endif()
foreach(kind IN LISTS kinds)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${kind}/test_*.c)
  if(LASTACK_CROSS)
    lastack_without_foreign(sources tool/ bench/ inspect/linux inspect/snap_json inspect/control lastack/inspect)
  endif()
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "" name ${name})
    set(target ${kind}_${name})
    add_executable(${target} ${source})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    lastack_test_links(${target})
    target_link_libraries(${target} PRIVATE $<$<NOT:$<BOOL:${LASTACK_CROSS}>>:${LASTACK_CMOCKA}>)
    lastack_test(${kind}.${name} ${kind} 300 ${target})
    if(kind STREQUAL "interop")
      # The interop tests run the command; each makes a namespace of its own, so they may run beside others.
      set_tests_properties(${kind}.${name} PROPERTIES ENVIRONMENT
        "${LASTACK_TEST_ENVIRONMENT};LASTACK=${PROJECT_BINARY_DIR}/lastack")
    endif()
  endforeach()
endforeach()

# The tour is a test by itself: every scene compares what both ends did with its script.
if(NOT LASTACK_CROSS)
  lastack_test(interop.tour interop 300 $<TARGET_FILE:lastack_tool> tour --mb 5)
endif()

# The command line of drill: verdicts, exit statuses, forms of output.
if(NOT LASTACK_CROSS AND Python3_FOUND)
  lastack_test(drill.cli drill 300 ${Python3_EXECUTABLE} ${scripts}/check-drill-cli.py $<TARGET_FILE:lastack_tool>)
  lastack_test(drill.scripts drill 300 ${Python3_EXECUTABLE} ${scripts}/check-drill.py $<TARGET_FILE:lastack_tool>)
endif()

# Pictures of connections, from captures and from scenes.
if(NOT LASTACK_CROSS AND Python3_FOUND)
  lastack_test(tool.plot tool 300 ${Python3_EXECUTABLE} ${scripts}/check-plot.py $<TARGET_FILE:lastack_tool>)
endif()

# The verbs that look at the host: each script makes its own namespaces, and skips where it may not.
if(NOT LASTACK_CROSS AND Python3_FOUND)
  foreach(name IN ITEMS ls zoo fix watch watch-log export diagnose inspect-json inspect-race)
    lastack_test(host.${name} host 300 ${Python3_EXECUTABLE} ${scripts}/check-${name}.py $<TARGET_FILE:lastack_tool>)
    set_tests_properties(host.${name} PROPERTIES SKIP_RETURN_CODE 77)
  endforeach()
endif()

# What curl fetched and sent through lastack, over a bad road, is what the kernel's side has.
if(NOT LASTACK_CROSS AND Python3_FOUND)
  lastack_test(interop.path interop 300 ${Python3_EXECUTABLE} ${scripts}/check-path.py $<TARGET_FILE:bench_path>)
  set_tests_properties(interop.path PROPERTIES SKIP_RETURN_CODE 77)
endif()

# --- Fuzz targets: libFuzzer's own main, or one that replays the corpus ---

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
if(LASTACK_CROSS)
  lastack_without_foreign(fuzz_sources inspect/snap_json)
endif()
foreach(source IN LISTS fuzz_sources)
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "^fuzz_" "" name ${target})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  if(LASTACK_FUZZER)
    add_executable(${target} ${source})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set(command ${target} -runs=0 ${corpus})
  else()
    add_executable(${target} ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
    set(command ${target} ${corpus})
  endif()
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
  lastack_test_links(${target})
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-missing-prototypes)
  lastack_test(fuzz.${name} fuzz 300 ${command})
endforeach()

if(LASTACK_CROSS)
  return()
endif()

# --- Examples: programs of a user, with the public headers alone ---

file(GLOB example_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*.c)
foreach(source IN LISTS example_sources)
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY examples)
  lastack_settings(example_${name})
  target_link_libraries(example_${name} PRIVATE ${parts} lastack)
  lastack_link_used(example_${name} ${source})
endforeach()

# --- Checks: of the tree, and of the objects where no sanitizer has added to them ---

if(LASTACK_SANITIZE OR NOT Python3_FOUND OR NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
set(objects ${PROJECT_BINARY_DIR}/CMakeFiles)
lastack_test(check.include check 60 ${Python3_EXECUTABLE} ${scripts}/check-include.py)
lastack_test(check.style check 60 ${Python3_EXECUTABLE} ${scripts}/check-style.py)
lastack_test(check.format check 60 ${scripts}/check-format.sh)
lastack_test(check.objects check 60 ${Python3_EXECUTABLE} ${scripts}/check-objects.py ${objects}/lastack.dir)
lastack_test(check.objects-inspect check 60 ${Python3_EXECUTABLE} ${scripts}/check-objects.py
  ${objects}/lastack_inspect.dir --hosted)
lastack_test(check.syscalls check 60 ${Python3_EXECUTABLE} ${scripts}/check-syscalls.py ${objects})
lastack_test(check.symbols check 60 ${Python3_EXECUTABLE} ${scripts}/check-symbols.py ${PROJECT_BINARY_DIR}/shipped
  $<TARGET_FILE:lastack_packetdrill>)
lastack_test(check.install check 120 ${scripts}/check-install.sh ${PROJECT_BINARY_DIR})
lastack_test(check.readme check 120 ${Python3_EXECUTABLE} ${scripts}/check-readme.py ${PROJECT_BINARY_DIR})
lastack_test(check.states check 60 ${scripts}/check-states.sh $<TARGET_FILE:lastack_tool>)
lastack_test(check.pictures check 60 ${scripts}/pictures.sh $<TARGET_FILE:lastack_tool> --check)
lastack_test(check.mutants check 60 ${Python3_EXECUTABLE} ${scripts}/mutants.py --check)
set_tests_properties(check.format check.install PROPERTIES SKIP_RETURN_CODE 77)
