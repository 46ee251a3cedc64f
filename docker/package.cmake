# make package: a .deb and a .tar.gz with the binary, its manual page, completions, a systemd unit and an example configuration, for
# the Debian or Ubuntu that it is built on and those that came after it. Libraries that keep their name from one to the next are
# named as the package's dependencies; prometheus-cpp, whose name has its version in it, comes along in lib/puna.
set(made ${CMAKE_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${made})
add_custom_command(OUTPUT ${made}/puna.1.gz ${made}/puna.bash ${made}/_puna ${made}/puna.fish
  COMMAND puna manual > ${made}/puna.1
  COMMAND gzip -9nf ${made}/puna.1
  COMMAND puna completion bash > ${made}/puna.bash
  COMMAND puna completion zsh > ${made}/_puna
  COMMAND puna completion fish > ${made}/puna.fish
  DEPENDS puna VERBATIM)
add_custom_target(package_files DEPENDS ${made}/puna.1.gz ${made}/puna.bash ${made}/_puna ${made}/puna.fish)
# The example that the unit reads: the defaults, every key with its value.
file(READ ${CMAKE_SOURCE_DIR}/config/default.json defaults)
file(WRITE ${made}/puna.json "${defaults}")

install(TARGETS puna DESTINATION bin)
get_target_property(prometheus_type prometheus-cpp::core TYPE)
if(prometheus_type STREQUAL SHARED_LIBRARY)
  set(prometheus ${made}/lib/$<TARGET_SONAME_FILE_NAME:prometheus-cpp::core>)
  add_custom_command(TARGET package_files POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}/lib
    COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:prometheus-cpp::core> ${prometheus} VERBATIM)
  install(FILES ${prometheus} DESTINATION lib/puna)
  set_target_properties(puna PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/puna")
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${made}/lib)  # no package is looked for that has what lies there
endif()
install(FILES ${made}/puna.1.gz DESTINATION share/man/man1)
install(FILES ${made}/puna.bash DESTINATION share/bash-completion/completions RENAME puna)
install(FILES ${made}/_puna DESTINATION share/zsh/vendor-completions)
install(FILES ${made}/puna.fish DESTINATION share/fish/vendor_completions.d)
install(FILES ${CMAKE_SOURCE_DIR}/docker/puna.service ${CMAKE_SOURCE_DIR}/docker/puna.socket DESTINATION lib/systemd/system)
install(FILES ${made}/puna.json DESTINATION share/doc/puna/examples)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md DESTINATION share/doc/puna)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/puna RENAME copyright)

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME puna)
set(CPACK_PACKAGE_VENDOR puna)
set(CPACK_PACKAGE_CONTACT "the authors of puna")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "local inference server that speaks the OpenAI API")
set(CPACK_PACKAGE_DESCRIPTION "Puna serves Llama 3.2 3B, and the models of the same architecture, from ordinary processors.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${made})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)  # the packages of the libraries that the binary names
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # what is installed is built by package_files; the tests are not for this
include(CPack)
