include(GNUInstallDirs)
include(GoogleTest)

# harness_compile_options(target): warnings, for our own code only.
function(harness_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
    $<$<BOOL:${HARNESS_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# Sanitizers are for what does not link LibTorch, whose own code they would only drown in noise.
function(harness_sanitize target)
  if(HARNESS_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${HARNESS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${HARNESS_SANITIZE})
  endif()
endfunction()

# harness_add_library(layer SOURCES ... DEPENDS ... TESTS ...)
# A layer of harness/, as harness::layer, and its unit tests (`layer_test`, found by gtest; label `unit`). DEPENDS are
# linked publicly: what a header includes. TESTS may be empty.
function(harness_add_library layer)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;TESTS;TEST_DEPENDS")
  add_library(harness_${layer} STATIC ${arg_SOURCES})
  add_library(harness::${layer} ALIAS harness_${layer})
  target_include_directories(harness_${layer} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(harness_${layer} PUBLIC ${arg_DEPENDS})
  harness_compile_options(harness_${layer})
  if(NOT "LibTorch::LibTorch" IN_LIST arg_DEPENDS)
    harness_sanitize(harness_${layer})
  endif()
  if(BUILD_TESTING AND arg_TESTS)
    harness_add_test(${layer}_test SOURCES ${arg_TESTS} DEPENDS harness::${layer} ${arg_TEST_DEPENDS})
  endif()
endfunction()

# harness_add_test(name SOURCES ... DEPENDS ...): a unit-test program; each case is a CTest test with the label `unit`.
function(harness_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE HARNESS_FIXTURES_DIR="${PROJECT_SOURCE_DIR}/fixtures")
  harness_compile_options(${name})
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 TEST_PREFIX unit. PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT OMP_NUM_THREADS=1)
endfunction()
