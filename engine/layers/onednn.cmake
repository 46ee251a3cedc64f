# Target puna::onednn: oneDNN >= 3.7, static, sequential runtime (our own threads call it), built once into a cache outside
# the clone by docker/install.sh.
set(PUNA_DEPS_CACHE "$ENV{PUNA_DEPS_CACHE}" CACHE PATH "where docker/install.sh put built dependencies")
if(NOT PUNA_DEPS_CACHE)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(PUNA_DEPS_CACHE "$ENV{XDG_CACHE_HOME}/puna" CACHE PATH "" FORCE)
  else()
    set(PUNA_DEPS_CACHE "$ENV{HOME}/.cache/puna" CACHE PATH "" FORCE)
  endif()
endif()
add_library(puna_onednn INTERFACE)
target_include_directories(puna_onednn SYSTEM INTERFACE ${PUNA_DEPS_CACHE}/onednn-3.7.2-seq-matmul-ukernel/include)
target_link_libraries(puna_onednn INTERFACE ${PUNA_DEPS_CACHE}/onednn-3.7.2-seq-matmul-ukernel/lib/libdnnl.a Threads::Threads ${CMAKE_DL_LIBS})
add_library(puna::onednn ALIAS puna_onednn)
