# FindLibTorch: LibTorch without CMake's Torch package, which fails to configure where the CUDA toolkit that the
# libraries were built with is missing. Defines
#
#   LibTorch::LibTorch   imported target: headers (SYSTEM) and libtorch, libtorch_cpu, libc10 (+ CUDA where built with it)
#   LibTorch_VERSION, LibTorch_WITH_CUDA, LibTorch_LIBRARY_DIR
#
# Looked for, in this order: the target itself; LIBTORCH_ROOT (variable or environment); Torch_DIR and CMAKE_PREFIX_PATH
# (as for find_package(Torch)); the folder that scripts/bootstrap fills; the `torch` package of python3.
# Needs the C++11 ABI (PyPI wheels from 2.7 on; the cxx11-abi archives of pytorch.org): Debian's GoogleTest has it.

if(TARGET LibTorch::LibTorch)
  set(LibTorch_FOUND TRUE)
  return()
endif()

set(_libtorch_hints "")
foreach(_root IN ITEMS "${LIBTORCH_ROOT}" "$ENV{LIBTORCH_ROOT}")
  if(_root)
    list(APPEND _libtorch_hints "${_root}" "${_root}/torch")
  endif()
endforeach()
foreach(_dir IN ITEMS "${Torch_DIR}" "$ENV{Torch_DIR}")
  if(_dir)
    list(APPEND _libtorch_hints "${_dir}/../../..")  # <root>/share/cmake/Torch
  endif()
endforeach()
list(APPEND _libtorch_hints ${CMAKE_PREFIX_PATH})
string(REPLACE ":" ";" _libtorch_env "$ENV{CMAKE_PREFIX_PATH}")
list(APPEND _libtorch_hints ${_libtorch_env} "${PROJECT_SOURCE_DIR}/.libtorch/torch")

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h HINTS ${_libtorch_hints} PATH_SUFFIXES include NO_DEFAULT_PATH)
if(NOT LibTorch_INCLUDE_DIR)
  find_program(LibTorch_PYTHON python3)
  mark_as_advanced(LibTorch_PYTHON)
  if(LibTorch_PYTHON)
    execute_process(
      COMMAND "${LibTorch_PYTHON}" -c
              "import importlib.util, os; s = importlib.util.find_spec('torch'); print(os.path.dirname(s.origin) if s else '')"
      OUTPUT_VARIABLE _libtorch_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(_libtorch_python)
      find_path(LibTorch_INCLUDE_DIR ATen/ATen.h HINTS ${_libtorch_python} PATH_SUFFIXES include NO_DEFAULT_PATH)
    endif()
  endif()
endif()
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h)
mark_as_advanced(LibTorch_INCLUDE_DIR)

if(LibTorch_INCLUDE_DIR)
  get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_INCLUDE_DIR}/../lib" ABSOLUTE)
endif()
foreach(_lib IN ITEMS torch torch_cpu c10 torch_cuda c10_cuda)
  find_library(LibTorch_${_lib}_LIBRARY ${_lib} HINTS ${LibTorch_LIBRARY_DIR} NO_DEFAULT_PATH)
  if(NOT LibTorch_${_lib}_LIBRARY)
    find_library(LibTorch_${_lib}_LIBRARY ${_lib})
  endif()
  mark_as_advanced(LibTorch_${_lib}_LIBRARY)
endforeach()

set(LibTorch_VERSION "")
if(LibTorch_INCLUDE_DIR)
  foreach(_header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${LibTorch_INCLUDE_DIR}/${_header}" AND NOT LibTorch_VERSION)
      set(_libtorch_parts "")
      foreach(_part IN ITEMS MAJOR MINOR PATCH)
        file(STRINGS "${LibTorch_INCLUDE_DIR}/${_header}" _line REGEX "define TORCH_VERSION_${_part} +[0-9]+")
        string(REGEX REPLACE ".* ([0-9]+).*" "\\1" _line "${_line}")
        list(APPEND _libtorch_parts ${_line})
      endforeach()
      list(JOIN _libtorch_parts "." LibTorch_VERSION)
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "Run scripts/bootstrap, or set Torch_DIR, CMAKE_PREFIX_PATH or LIBTORCH_ROOT to a LibTorch >= 2.7 (a `torch` Python package works).")

if(LibTorch_FOUND)
  if(LibTorch_VERSION AND LibTorch_VERSION VERSION_LESS 2.7)
    message(FATAL_ERROR "LibTorch ${LibTorch_VERSION} in ${LibTorch_LIBRARY_DIR} is too old: 2.7 or later is needed (its libraries have the C++11 ABI).")
  endif()
  # The wheel's libtorch_cpu.so needs a few NVIDIA libraries even where no GPU is used; pip lays them beside torch/.
  # The program's RPATH finds them for the transitive dependencies only if it is a DT_RPATH: hence --disable-new-dtags.
  file(GLOB _libtorch_nvidia "${LibTorch_LIBRARY_DIR}/../../nvidia/*/lib" "${LibTorch_LIBRARY_DIR}/../../nvidia/*/lib64")
  if(LibTorch_torch_cuda_LIBRARY)
    set(LibTorch_WITH_CUDA TRUE)
  else()
    set(LibTorch_WITH_CUDA FALSE)
  endif()
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_torch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY})
  target_link_options(LibTorch::LibTorch INTERFACE -Wl,--disable-new-dtags "-Wl,--allow-shlib-undefined"
    "-Wl,-rpath,${LibTorch_LIBRARY_DIR}")
  foreach(_dir IN LISTS _libtorch_nvidia)
    get_filename_component(_dir "${_dir}" REALPATH)
    target_link_options(LibTorch::LibTorch INTERFACE "-Wl,-rpath,${_dir}")
  endforeach()
endif()
