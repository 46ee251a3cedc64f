# Target puna::httplib: cpp-httplib with TLS, from PUNA_DEPS_CACHE (docker/install.sh: Debian's 0.18.7 with its security
# patches), else from upstream, whose fixes for the same and later advisories are in 0.53.1.
set(PUNA_HTTPLIB ${PUNA_DEPS_CACHE}/cpp-httplib-0.18.7/httplib.h)
if(NOT EXISTS ${PUNA_HTTPLIB})
  puna_fetch(httplib https://raw.githubusercontent.com/yhirose/cpp-httplib/v0.53.1/httplib.h
    bc69d53636a8757cb24a1deb9880bf7e2fdae3a80bbc759e145b8c80913cbfa3 NO_EXTRACT)
  set(PUNA_HTTPLIB ${httplib_SOURCE_DIR}/httplib.h)
endif()

# The header marks where its implementation begins and ends, so that it can be compiled once: each file that includes
# the whole costs ten seconds, each that includes the declarations alone two.
set(split ${CMAKE_BINARY_DIR}/httplib)
if(${PUNA_HTTPLIB} IS_NEWER_THAN ${split}/httplib.cc OR ${CMAKE_CURRENT_LIST_FILE} IS_NEWER_THAN ${split}/httplib.cc)
  string(REPEAT "-" 76 border)
  set(border "// ${border}\n")
  string(LENGTH "${border}" border_length)
  file(READ ${PUNA_HTTPLIB} text)
  string(FIND "${text}" "${border}" begin)
  string(FIND "${text}" "${border}" end REVERSE)
  if(begin EQUAL -1 OR begin EQUAL end)
    message(FATAL_ERROR "${PUNA_HTTPLIB}: expected two lines that fence the implementation in; is it cpp-httplib >= 0.18?")
  endif()
  math(EXPR length "${end} - ${begin}")
  string(SUBSTRING "${text}" ${begin} ${length} implementation)
  string(REPLACE "inline " "" implementation "${implementation}")
  string(SUBSTRING "${text}" 0 ${begin} declarations)
  math(EXPR end "${end} + ${border_length}")
  string(SUBSTRING "${text}" ${end} -1 tail)
  file(WRITE ${split}/httplib.h "${declarations}${tail}")
  file(WRITE ${split}/httplib.cc
    "#include \"httplib.h\"\nnamespace httplib {\n${implementation}}  // namespace httplib\n")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PUNA_HTTPLIB} ${CMAKE_CURRENT_LIST_FILE})

add_library(puna_httplib STATIC ${split}/httplib.cc)
target_include_directories(puna_httplib SYSTEM PUBLIC ${split})
# poll: select knows no descriptor above 1023, which a thousand streams reach. A line of a head is framed before the library
# reads it, which then may have three bytes for each of its percent signs (server/http/head_reader.cc).
target_compile_definitions(puna_httplib PUBLIC CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_USE_POLL
  CPPHTTPLIB_HEADER_MAX_LENGTH=32768)
target_compile_options(puna_httplib PRIVATE -O1 -w)  # not our code, and it only moves bytes
target_link_libraries(puna_httplib PUBLIC OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
add_library(puna::httplib ALIAS puna_httplib)
