# Outside libraries that Debian 12 has too old. docker/install.sh puts them into PUNA_DEPS_CACHE; what is not there is
# fetched from its upstream, pinned by version and SHA-256.
set(PUNA_DEPS_CACHE "$ENV{PUNA_DEPS_CACHE}" CACHE PATH "where docker/install.sh put built dependencies")
if(NOT PUNA_DEPS_CACHE)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(PUNA_DEPS_CACHE "$ENV{XDG_CACHE_HOME}/puna" CACHE PATH "" FORCE)
  else()
    set(PUNA_DEPS_CACHE "$ENV{HOME}/.cache/puna" CACHE PATH "" FORCE)
  endif()
endif()

# puna_fetch(name url sha256 [NO_EXTRACT]): the content of url, unpacked if it is an archive; sets <name>_SOURCE_DIR.
include(FetchContent)
macro(puna_fetch name url sha256)
  # Asked first, because FetchContent's own error says what failed but not what to do.
  file(DOWNLOAD ${url} STATUS puna_fetch_status RANGE_START 0 RANGE_END 0 TIMEOUT 60)
  if(NOT FETCHCONTENT_FULLY_DISCONNECTED AND NOT puna_fetch_status MATCHES "^0;")
    message(FATAL_ERROR "${name} is neither in ${PUNA_DEPS_CACHE} nor to be had from ${url} "
      "(${puna_fetch_status}).\nRemedy: run docker/install.sh, which gets it from Debian's archive, or set "
      "PUNA_DEPS_CACHE to a folder that it has filled.")
  endif()
  if("${ARGN}" STREQUAL "NO_EXTRACT")
    set(puna_fetch_extract DOWNLOAD_NO_EXTRACT TRUE)
  else()
    set(puna_fetch_extract DOWNLOAD_EXTRACT_TIMESTAMP FALSE)
  endif()
  # SOURCE_SUBDIR names no folder on purpose: the source is not made part of this build.
  FetchContent_Declare(${name} URL ${url} URL_HASH SHA256=${sha256} SOURCE_SUBDIR none ${puna_fetch_extract})
  FetchContent_MakeAvailable(${name})
endmacro()
