# Toolchain: ARM64 by Debian's cross compiler, against the libraries that docker/arm64_sysroot.sh has put into a folder.
#   docker/arm64_sysroot.sh build/arm64-sysroot && cmake --preset arm64 && cmake --build --preset arm64
# Where qemu-user is there, the tests run under it: CTest starts what is built through CMAKE_CROSSCOMPILING_EMULATOR.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(PUNA_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-sysroot CACHE PATH "what docker/arm64_sysroot.sh filled")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PUNA_SYSROOT)
cmake_path(ABSOLUTE_PATH PUNA_SYSROOT NORMALIZE)
# The compiler keeps its own C library; the folder adds what else is linked.
set(CMAKE_FIND_ROOT_PATH ${PUNA_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CXX_FLAGS_INIT "-isystem ${PUNA_SYSROOT}/usr/include/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${PUNA_SYSROOT}/usr/lib/aarch64-linux-gnu:${PUNA_SYSROOT}/lib/aarch64-linux-gnu")
find_program(PUNA_QEMU NAMES qemu-aarch64-static qemu-aarch64)
if(PUNA_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${PUNA_QEMU};-cpu;max;-L;${PUNA_SYSROOT})
endif()
