# Target puna::httplib: cpp-httplib >= 0.18 (header only) with TLS.
add_library(puna_httplib INTERFACE)
target_include_directories(puna_httplib SYSTEM INTERFACE ${PUNA_DEPS_CACHE}/cpp-httplib-0.18.7)
target_compile_definitions(puna_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT)
target_link_libraries(puna_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
add_library(puna::httplib ALIAS puna_httplib)
