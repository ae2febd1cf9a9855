# Every third-party package, with the reason why it is there. Each is an existing target, else find_package, else a
# message that says what to install.

# harness_require(NAME target-that-must-exist "Debian package"): stops with one clear line.
function(harness_require name target package)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "${name} was not found. Install it (Debian: apt-get install ${package}) or run scripts/bootstrap.")
  endif()
endfunction()

# harness_find(TARGET PREFIX HEADER LIBRARY): the target of a library that brings no CMake configuration, where it is.
function(harness_find target prefix header library)
  find_path(${prefix}_INCLUDE_DIR ${header})
  find_library(${prefix}_LIBRARY ${library})
  mark_as_advanced(${prefix}_INCLUDE_DIR ${prefix}_LIBRARY)
  if(${prefix}_INCLUDE_DIR AND ${prefix}_LIBRARY)
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES
      IMPORTED_LOCATION ${${prefix}_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${${prefix}_INCLUDE_DIR})
  endif()
endfunction()

# fmt: messages. libstdc++ 12 has no <format>.
if(NOT TARGET fmt::fmt)
  find_package(fmt QUIET)
endif()
harness_require(fmt fmt::fmt libfmt-dev)

# libdeflate: CRC-32 at memory speed, and inflate of re-zipped archives.
if(NOT TARGET libdeflate::libdeflate)
  harness_find(libdeflate::libdeflate LIBDEFLATE libdeflate.h deflate)
endif()
harness_require(libdeflate libdeflate::libdeflate libdeflate-dev)

# yaml-cpp: the YAML syntax of xp.cfg and of profiles.
if(NOT TARGET yaml-cpp AND NOT TARGET yaml-cpp::yaml-cpp)
  find_package(yaml-cpp QUIET)
endif()
if(TARGET yaml-cpp AND NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp INTERFACE IMPORTED)
  set_target_properties(yaml-cpp::yaml-cpp PROPERTIES INTERFACE_LINK_LIBRARIES yaml-cpp)
endif()
harness_require(yaml-cpp yaml-cpp::yaml-cpp libyaml-cpp-dev)

# nlohmann/json: report.json, the artifacts between stages, and the JSON that models of the hub come with.
if(NOT TARGET nlohmann_json::nlohmann_json)
  find_package(nlohmann_json QUIET)
endif()
harness_require(nlohmann_json nlohmann_json::nlohmann_json nlohmann-json3-dev)

# libsndfile: WAV in and out. Debian's package has no CMake configuration.
if(NOT TARGET SndFile::sndfile)
  find_package(SndFile QUIET)
endif()
if(NOT TARGET SndFile::sndfile)
  harness_find(SndFile::sndfile SNDFILE sndfile.h sndfile)
endif()
harness_require(libsndfile SndFile::sndfile libsndfile1-dev)

# SentencePiece: the vocabulary format of T5, read by the format's own library (its normalisation tables and its choice
# among segmentations are not specified anywhere else).
if(NOT TARGET sentencepiece::sentencepiece)
  find_path(SENTENCEPIECE_INCLUDE_DIR sentencepiece_processor.h)
  find_library(SENTENCEPIECE_LIBRARY sentencepiece)
  mark_as_advanced(SENTENCEPIECE_INCLUDE_DIR SENTENCEPIECE_LIBRARY)
  if(SENTENCEPIECE_INCLUDE_DIR AND SENTENCEPIECE_LIBRARY)
    add_library(sentencepiece::sentencepiece UNKNOWN IMPORTED)
    set_target_properties(sentencepiece::sentencepiece PROPERTIES
      IMPORTED_LOCATION ${SENTENCEPIECE_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${SENTENCEPIECE_INCLUDE_DIR})
  endif()
endif()
harness_require(SentencePiece sentencepiece::sentencepiece libsentencepiece-dev)

# GoogleTest: the six suites are GoogleTest programs; GoogleMock: matchers in unit tests.
if(NOT TARGET GTest::gmock)
  find_package(GTest QUIET)
endif()
harness_require(GoogleTest GTest::gmock "libgtest-dev libgmock-dev")

# Threads: payloads are checked on all cores.
find_package(Threads REQUIRED)

# LibTorch: tensors and their operations, for generation only.
find_package(LibTorch REQUIRED)
# Its include folder brings a copy of fmt's headers, of another version than the installed library. The installed ones
# go first: {fmt} as headers only costs each file 5 s. Through a link, since /usr/include can't be named as the first.
get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
find_path(FMT_INCLUDE_DIR fmt/format.h HINTS ${fmt_include})
mark_as_advanced(FMT_INCLUDE_DIR)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/installed-fmt)
file(CREATE_LINK ${FMT_INCLUDE_DIR}/fmt ${PROJECT_BINARY_DIR}/installed-fmt/fmt SYMBOLIC)
target_include_directories(LibTorch::LibTorch SYSTEM BEFORE INTERFACE ${PROJECT_BINARY_DIR}/installed-fmt)
target_link_libraries(LibTorch::LibTorch INTERFACE fmt::fmt)
