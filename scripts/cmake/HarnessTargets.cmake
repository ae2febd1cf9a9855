include(GoogleTest)

# harness_compile_options(target): warnings and groups of sources, for our own code only.
function(harness_compile_options target)
  # A name in an unnamed namespace must be the only one of its kind in its library, which is as good for a reader.
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${HARNESS_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
      "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
  # What a program is asked to say of its own sources (__FILE__) holds on any machine.
  target_compile_options(${target} PRIVATE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/= -fmacro-prefix-map=${LibTorch_INCLUDE_DIR}/=
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
    $<$<BOOL:${HARNESS_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# Sanitizers are for what does not link LibTorch, whose own code they would only drown in noise.
function(harness_sanitize target)
  if(HARNESS_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${HARNESS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${HARNESS_SANITIZE})
  endif()
endfunction()

# harness_precompile(target set): the headers that most of a file's compile time goes into, parsed once for all targets of
# a set. Those of `text` suit what does not link LibTorch; `tensors` adds ATen; `text_test` and `tensors_test` add
# GoogleTest. Wider sets do not pay: every file loads all of it (nlohmann/json: 0.8 s). A source with compile options of its
# own needs SKIP_PRECOMPILE_HEADERS. Sources include what they use: CMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without.
function(harness_precompile target set)
  set(owner harness_precompiled_${set})
  if(NOT TARGET ${owner})
    # One set of options, as REUSE_FROM demands; definitions and folders that only some targets have do no harm.
    file(WRITE ${PROJECT_BINARY_DIR}/${owner}.cc "")
    add_library(${owner} OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/${owner}.cc)
    set(headers <algorithm> <filesystem> <functional> <map> <memory> <optional> <string> <unordered_map> <variant> <vector>
                <fmt/format.h> <fmt/ranges.h>)
    target_link_libraries(${owner} PRIVATE fmt::fmt)
    if(set MATCHES "^tensors")
      list(APPEND headers <ATen/ATen.h>)
      target_link_libraries(${owner} PRIVATE LibTorch::LibTorch)
    endif()
    if(set MATCHES "_test$")
      list(APPEND headers <gmock/gmock.h> <gtest/gtest.h>)
      target_link_libraries(${owner} PRIVATE GTest::gmock)
    endif()
    harness_compile_options(${owner})
    harness_sanitize(${owner})
    target_precompile_headers(${owner} PRIVATE ${headers})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# harness_precompiled_set(variable suffix dependency...): the set for a target of these dependencies.
function(harness_precompiled_set variable suffix)
  set(${variable} text${suffix} PARENT_SCOPE)
  foreach(dependency IN LISTS ARGN)
    if(TARGET ${dependency})
      get_target_property(on_libtorch ${dependency} HARNESS_ON_LIBTORCH)
      if(on_libtorch OR dependency STREQUAL "LibTorch::LibTorch")
        set(${variable} tensors${suffix} PARENT_SCOPE)
      endif()
    endif()
  endforeach()
endfunction()

# harness_add_library(layer SOURCES ... DEPENDS ... TESTS ...)
# A layer of harness/, as harness::layer, and its unit tests (`layer_test`, found by gtest; label `unit`). DEPENDS are
# linked publicly: what a header includes. TESTS may be empty. TESTS_APART: each is compiled by itself, since their cases
# and fixtures share names.
function(harness_add_library layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TESTS_APART" "" "SOURCES;DEPENDS;TESTS;TEST_DEPENDS")
  add_library(harness_${layer} STATIC ${arg_SOURCES})
  add_library(harness::${layer} ALIAS harness_${layer})
  target_include_directories(harness_${layer} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(harness_${layer} PUBLIC ${arg_DEPENDS})
  harness_compile_options(harness_${layer})
  if("LibTorch::LibTorch" IN_LIST arg_DEPENDS)
    set_target_properties(harness_${layer} PROPERTIES HARNESS_ON_LIBTORCH TRUE)
  else()
    harness_sanitize(harness_${layer})
  endif()
  harness_precompiled_set(precompiled "" ${arg_DEPENDS})
  harness_precompile(harness_${layer} ${precompiled})
  if(BUILD_TESTING AND arg_TESTS)
    harness_add_test(${layer}_test SOURCES ${arg_TESTS} DEPENDS harness::${layer} ${arg_TEST_DEPENDS})
    if(arg_TESTS_APART)
      set_target_properties(${layer}_test PROPERTIES UNITY_BUILD OFF)
    endif()
  endif()
endfunction()

# harness_add_test(name [PROCESS_PER_CASE] SOURCES ... DEPENDS ...): a unit-test program; label `unit`. Each case is a CTest
# test. On LibTorch the program is one test, unit.name: to load LibTorch takes longer than most cases (362 of model_test:
# 5 s in one process, 200 s in 362), but with PROCESS_PER_CASE, for cases that change their process.
function(harness_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "PROCESS_PER_CASE" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE HARNESS_FIXTURES_DIR="${PROJECT_SOURCE_DIR}/fixtures")
  harness_compile_options(${name})
  harness_precompiled_set(precompiled "_test" ${arg_DEPENDS})
  harness_precompile(${name} ${precompiled})
  set(properties LABELS unit TIMEOUT 300 ENVIRONMENT OMP_NUM_THREADS=1)
  if(precompiled STREQUAL "tensors_test" AND NOT arg_PROCESS_PER_CASE)
    add_test(NAME unit.${name} COMMAND ${name} --gtest_brief=1)
    set_tests_properties(unit.${name} PROPERTIES ${properties})
  else()
    gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 TEST_PREFIX unit. PROPERTIES ${properties})
  endif()
endfunction()
