# Builds oneDNN once, static, and installs it where every clone on this machine finds it:
#   cmake -DSOURCE_DIR=<oneDNN's source> -DPREFIX=<where to install> -P build_onednn.cmake
# docker/install.sh runs it on Debian's source; onednn.cmake runs it on upstream's where Debian's is not to be had.
# An interrupted build is taken up again where it stopped, and never looks finished: the prefix appears by one rename.
cmake_minimum_required(VERSION 3.25)
foreach(argument SOURCE_DIR PREFIX)
  if(NOT ${argument})
    message(FATAL_ERROR "build_onednn.cmake: -D${argument}=... is missing")
  endif()
endforeach()

# One build at a time: a second one waits here, then finds the work done.
file(LOCK ${PREFIX}.lock TIMEOUT 7200)
if(EXISTS ${PREFIX}/lib/libdnnl.a)
  return()
endif()

set(options
  -DCMAKE_BUILD_TYPE=Release
  # What is fast in oneDNN it writes itself, at run time; the optimiser's last rounds only make that writing faster.
  "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"
  -DONEDNN_LIBRARY_TYPE=STATIC
  # Sequential: our own thread team splits the work and calls oneDNN on each thread. One team and one barrier in the
  # whole process, and results that do not depend on the number of threads.
  -DONEDNN_CPU_RUNTIME=SEQ
  # Only what we call, which is also what keeps this build to minutes.
  -DONEDNN_ENABLE_WORKLOAD=INFERENCE
  -DONEDNN_ENABLE_PRIMITIVE=MATMUL
  -DONEDNN_EXPERIMENTAL_UKERNEL=ON
  -DONEDNN_BUILD_GRAPH=OFF
  -DONEDNN_BUILD_TESTS=OFF
  -DONEDNN_BUILD_EXAMPLES=OFF
  -DONEDNN_BUILD_DOC=OFF
  -DONEDNN_ENABLE_JIT_PROFILING=OFF
  -DONEDNN_ENABLE_ITT_TASKS=OFF
  -DCMAKE_INSTALL_LIBDIR=lib)

# oneDNN's options leave the other primitives out of its lists, but compile their code all the same, which is more than
# half of the time. Nothing that remains refers to it, so it goes: the implementations, not the lists nor what is shared.
file(GLOB_RECURSE sources RELATIVE ${SOURCE_DIR}/src/cpu ${SOURCE_DIR}/src/cpu/*.cpp)
list(TRANSFORM sources PREPEND /)
list(FILTER sources EXCLUDE REGEX "_list\\.cpp$|inner_product_utils\\.cpp$|injector")
string(CONCAT others
  "/(lrn|rnn|prelu|shuffle)/|_(de)?conv(_|olution|\\.)|lrn|rnn|pool|resampling|normalization|softmax|prelu|shuffle|"
  "reduction|inner_product|xf16_sum|simple_sum|simple_concat|eltwise(_int)?\\.|(ref|uni)_binary(_kernel)?\\.|sparse_matmul|"
  "cpu_reorder_|uni_reorder|matmul_reorders")
list(FILTER sources INCLUDE REGEX "${others}")
list(TRANSFORM sources PREPEND ${SOURCE_DIR}/src/cpu)
file(REMOVE ${sources} ${SOURCE_DIR}/none)  # never called without a name: an interrupted build finds nothing left to remove

# Their lists are empty then, and need no declarations of what stands in them.
file(GLOB lists ${SOURCE_DIR}/src/cpu/*_list.cpp)
foreach(list ${lists})
  file(READ ${list} text)
  string(REGEX REPLACE "#include \"cpu/[^\n]*\n" "" text "${text}")
  file(WRITE ${list} "#include \"cpu/cpu_engine.hpp\"\n${text}")
endforeach()
# No reorders are called either, but their list cannot be switched off: this one is empty.
file(WRITE ${SOURCE_DIR}/src/cpu/reorder/cpu_reorder.cpp [[
#include "cpu/cpu_engine.hpp"
namespace dnnl::impl::cpu {
const impl_list_item_t *cpu_engine_impl_list_t::get_reorder_implementation_list(const memory_desc_t *, const memory_desc_t *) {
    static const impl_list_item_t none[] = {nullptr};
    return none;
}
}
]])

# Code that emits code, a gigabyte of constant calls to the optimiser and run once a process, and the padding of
# blocked layouts that we do not have: half of what is left of the time, and nothing of the speed.
file(GLOB_RECURSE emitters ${SOURCE_DIR}/src/cpu/x64/gemm/*_autogen.cpp ${SOURCE_DIR}/src/cpu/x64/gemm/*_kern.cpp)
foreach(source ${emitters} ${SOURCE_DIR}/src/common/memory_zero_pad.cpp)
  file(READ ${source} text)
  if(NOT text MATCHES "^#pragma GCC optimize")
    file(WRITE ${source} "#pragma GCC optimize(\"O0\")\n${text}")
  endif()
endforeach()

# As many compilers at once as there are cores, and memory for them: one takes up to 1.5 GB.
if(NOT DEFINED ENV{CMAKE_BUILD_PARALLEL_LEVEL})
  cmake_host_system_information(RESULT jobs QUERY NUMBER_OF_LOGICAL_CORES)
  cmake_host_system_information(RESULT memory_mib QUERY AVAILABLE_PHYSICAL_MEMORY)
  math(EXPR jobs_by_memory "${memory_mib} / 1500 + 1")
  if(jobs GREATER jobs_by_memory)
    set(jobs ${jobs_by_memory})
  endif()
  set(ENV{CMAKE_BUILD_PARALLEL_LEVEL} ${jobs})
endif()

string(MD5 source_id "${SOURCE_DIR}")
string(SUBSTRING ${source_id} 0 8 source_id)
set(build ${PREFIX}.build-${source_id})
set(staged ${PREFIX}.staged)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${build} -G Ninja --no-warn-unused-cli ${options}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${staged} ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${staged} COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${staged} ${PREFIX})
file(REMOVE_RECURSE ${build})
