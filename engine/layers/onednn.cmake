# Target puna::onednn: oneDNN >= 3.7, static and sequential (why: build_onednn.cmake), from PUNA_DEPS_CACHE, a folder
# outside the clone, so that it is built once and not with every clone. docker/install.sh puts it there from Debian's
# source; without that, it is fetched here.
set(PUNA_ONEDNN ${PUNA_DEPS_CACHE}/onednn-3.7.2-seq-matmul-ukernel)
if(NOT EXISTS ${PUNA_ONEDNN}/lib/libdnnl.a)
  # The same code: Debian's 3.7.2 carries upstream's 3.7.3 as a patch.
  puna_fetch(onednn https://github.com/uxlfoundation/oneDNN/archive/refs/tags/v3.7.3.tar.gz
    071f289dc961b43a3b7c8cbe8a305290a7c5d308ec4b2f586397749abdc88296)
  message(STATUS "Building oneDNN into ${PUNA_ONEDNN}, once: some 8 to 15 minutes on two cores")
  execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${onednn_SOURCE_DIR} -DPREFIX=${PUNA_ONEDNN}
    -P ${CMAKE_CURRENT_LIST_DIR}/build_onednn.cmake COMMAND_ERROR_IS_FATAL ANY)
endif()
add_library(puna_onednn INTERFACE)
target_include_directories(puna_onednn SYSTEM INTERFACE ${PUNA_ONEDNN}/include)
target_link_libraries(puna_onednn INTERFACE ${PUNA_ONEDNN}/lib/libdnnl.a Threads::Threads ${CMAKE_DL_LIBS})
add_library(puna::onednn ALIAS puna_onednn)
