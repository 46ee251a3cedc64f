# puna_add_tests(folder name): test_<name> from tests/<folder>/*_test.cc, registered with CTest.
add_library(puna_test_main STATIC tests/support/doctest_main.cc)

function(puna_add_tests folder name)
  file(GLOB sources CONFIGURE_DEPENDS tests/${folder}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_compile_definitions(test_${name} PRIVATE PUNA_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE puna_${name} puna_test_main doctest::doctest)
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  add_test(NAME ${name} COMMAND test_${name})
endfunction()

add_test(NAME layering COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/layering.py ${CMAKE_SOURCE_DIR})
