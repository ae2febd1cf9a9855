#!/bin/sh
# musicgen-conformance [OPTION...] [EXPORT...]: the suite, from this folder, wherever it lies. LibTorch is the one inside,
# else that of LIBTORCH_ROOT (a folder with lib/libtorch_cpu.so; that of a Python package torch is one).
here=$(dirname "$(readlink -f "$0")")/..
here=$(cd "$here" && pwd)
if [ ! -e "$here/torch/lib/libtorch_cpu.so" ]; then
  if [ ! -e "${LIBTORCH_ROOT:-}/lib/libtorch_cpu.so" ]; then
    echo "musicgen-conformance: no LibTorch was found: this archive has none inside, and LIBTORCH_ROOT names none" >&2
    echo "What to do: set LIBTORCH_ROOT to the folder of the Python package torch, or take the archive with LibTorch" >&2
    exit 2
  fi
  CONFORMANCE_LIBRARY_PATH=$LIBTORCH_ROOT/lib
  LD_LIBRARY_PATH=$CONFORMANCE_LIBRARY_PATH${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export CONFORMANCE_LIBRARY_PATH LD_LIBRARY_PATH
fi
GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
export GOMP_SPINCOUNT
if [ $# -eq 0 ] && [ -z "${AUDIOCRAFT_EXPORT_DIR+set}" ]; then
  echo "no export was named: this validates the example that the package brings" >&2
  set -- "$here/musicgen_conformance/example"
fi
exec "$here/musicgen_conformance/bin/conformance" "$@"
